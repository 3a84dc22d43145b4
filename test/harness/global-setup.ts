import type { TestProject } from 'vitest/node';
import { createTemplate } from './database.ts';
import { startTestRun, type TestRun } from './test-run.ts';

let run: TestRun | undefined;

export async function setup(project: TestProject): Promise<void> {
  run = await startTestRun();
  await createTemplate(run.postgres.connectionString);
  project.provide('postgresUrl', run.postgres.connectionString);
}

export async function teardown(): Promise<void> {
  await run?.end();
}
