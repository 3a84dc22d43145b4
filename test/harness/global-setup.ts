import type { TestProject } from 'vitest/node';
import { createTemplate } from './database.ts';
import { startTestRun, type TestRun } from './test-run.ts';

/** Each project of vitest sets up and tears down once, all through this one module. */
const runs: TestRun[] = [];

export async function setup(project: TestProject): Promise<void> {
  const run = await startTestRun();
  runs.push(run);
  await createTemplate(run.postgres.connectionString);
  project.provide('postgresUrl', run.postgres.connectionString);
}

export async function teardown(): Promise<void> {
  await runs.pop()?.end();
}
