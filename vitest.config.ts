import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/harness/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node runs the files as they are, as it does in production: nothing is bundled or transformed for tests.
    experimental: { viteModuleRunner: false, nodeLoader: false },
  },
});
