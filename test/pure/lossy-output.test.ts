import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFileSink } from '../../src/platform/process/file-sink.ts';
import { createLossyOutput, type Sink } from '../../src/platform/process/lossy-output.ts';

it('drops and counts what is refused, and says so in the first line that is taken again', () => {
  const taken: string[] = [];
  let isFull = false;
  const sink: Sink = {
    take(line) {
      if (!isFull) taken.push(line);
      return !isFull;
    },
    flush: async () => {},
  };
  const output = createLossyOutput(() => sink);
  output.write('a\n');
  isFull = true;
  output.write('b\n');
  output.write('c\n');
  isFull = false;
  output.write('d\n');
  output.write('e\n');
  const [first, notice = '', ...rest] = taken;
  expect([first, ...rest]).toEqual(['a\n', 'd\n', 'e\n']);
  expect(JSON.parse(notice)).toMatchObject({ level: 40, droppedLines: 2, msg: expect.stringContaining('2 lines') });
  expect(output.droppedLines()).toBe(2);
});

it('a file gets whole lines in order', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meterr-log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  const output = createLossyOutput((events) => createFileSink(fd, events));
  for (const line of ['one\n', 'zwei ü\n', 'three\n']) output.write(line);
  closeSync(fd);
  expect(readFileSync(file, 'utf8')).toBe('one\nzwei ü\nthree\n');
  rmSync(folder, { recursive: true });
});

it('a terminal or pipe that takes no more gets the rest of a line before the next one, and nothing waits', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meterr-log-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const output = createLossyOutput((events) => createFileSink(writer, events));
  const count = 300;
  for (let at = 0; at < count; at++) output.write(`${String(at).padStart(999, '0')}\n`);
  const dropped = output.droppedLines();
  expect(dropped).toBeGreaterThan(0);
  let text = '';
  const buffer = Buffer.alloc(1_000_000);
  const readAll = () => {
    for (let at = 0; at < 5; at++) {
      try {
        text += buffer.toString('utf8', 0, readSync(reader, buffer));
      } catch {
        return;
      }
    }
  };
  readAll();
  output.write('next\n');
  readAll();
  output.write('last\n');
  readAll();
  const lines = text.trimEnd().split('\n');
  const told = lines.filter((line) => line.includes('droppedLines'));
  expect(told).toHaveLength(1);
  expect(lines.indexOf('next')).toBe(lines.length - 2);
  expect(lines.slice(0, count - dropped).map(Number)).toEqual(Array.from({ length: count - dropped }, (_, at) => at));
  for (const fd of [reader, writer]) closeSync(fd);
  rmSync(folder, { recursive: true });
});
