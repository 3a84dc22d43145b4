import { expect, it } from 'vitest';
import { createLog, holdUntilReleased } from '../../src/platform/log.ts';

it('in a terminal the log waits for the greeting: warnings come after it, and nothing less', () => {
  const lines: string[] = [];
  const held = holdUntilReleased({ write: (line) => void lines.push(line) });
  const log = createLog('info', held);
  log.info('migrations applied');
  log.warn('something is odd');
  lines.push('greeting');
  held.release();
  log.info('later');
  const messages = lines.map((line) => (line.startsWith('{') ? JSON.parse(line).msg : line));
  expect(messages).toEqual(['greeting', 'something is odd', 'later']);
});
