import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT, shell } from '../harness/processes/npm-start.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

// `script` of util-linux, which every Debian has, gives a process a terminal.
const hasScript = (await shell('command -v script')).code === 0;
if (!hasScript) process.stdout.write('start-terminal: skipped, because there is no command `script` here.\n');

it.runIf(hasScript)(
  'in a terminal the start greets a person: no line of the log comes before the greeting',
  async () => {
    const env = {
      ...process.env,
      PORT: '0',
      METERR_DATA_DIR: join(SCRATCH_FOLDER, `terminal-${process.pid}`),
      METERR_LOG_LEVEL: 'trace',
    };
    const child = spawn('script', ['-qec', `${process.execPath} src/main.ts`, '/dev/null'], { cwd: ROOT, env });
    let output = '';
    const greeted = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('output_tokens')) resolve();
      });
    });
    const ended = once(child, 'exit');
    await Promise.race([greeted, ended]);
    // Ctrl-C, as a person ends it.
    child.stdin.write('\x03');
    await ended;
    expect(output.split('Meterr serves at')[0]?.trim()).toBe('');
    expect(output).toContain('until Ctrl-C');
  },
  120_000,
);
