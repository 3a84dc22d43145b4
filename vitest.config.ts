import { defineConfig } from 'vitest/config';

/** What is asked through the doors alone is asked twice: of `app.fetch`, and over a real socket. */
const THROUGH_DOORS = ['test/rest/**/*.test.ts', 'test/graphql/**/*.test.ts', 'test/domain/access-*.test.ts'];

export default defineConfig({
  root: import.meta.dirname,
  test: {
    globalSetup: ['test/harness/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node runs the files as they are, as it does in production: nothing is bundled or transformed for tests.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    projects: [
      { extends: true, test: { name: 'fetch', include: ['test/**/*.test.ts'], provide: { through: 'fetch' } } },
      { extends: true, test: { name: 'socket', include: THROUGH_DOORS, provide: { through: 'socket' } } },
    ],
  },
});
