import { defineConfig } from 'vitest/config';

/** `npm run test:abuse`: floods against a server in a process of its own, a minute or two. */
export default defineConfig({
  root: import.meta.dirname,
  test: {
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    experimental: { viteModuleRunner: false, nodeLoader: false },
    include: ['test/abuse/*.abuse.ts'],
  },
});
