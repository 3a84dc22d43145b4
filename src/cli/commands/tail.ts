import { setTimeout as pause } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { ApiFailure, CliFailure, explain, Unreachable } from '../session/failure.ts';
import { wholeNumber, withExamples } from '../session/options.ts';
import { PAGE_ROWS, type Session } from '../session/session.ts';
import { formatTime, printable } from '../session/text.ts';
import { openEventAlarm } from './event-alarm.ts';
import { type News, readEvents, type TailEvent } from './follow-events.ts';

const SECONDS_PER_HOUR = 3_600;
/** A plan with a limit keeps half of its requests for others. */
const SHARE_OF_PLAN = 0.5;

interface TailOptions {
  last: number;
  every: number;
  type?: string;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function formatEvent({ id, event, created_at: at, data }: TailEvent): string {
  const details = Object.entries(data).filter(([, value]) => value !== null);
  const told = details.map(([name, value]) => `${name}=${textOf(value)}`).join(' ');
  return printable(`${formatTime(at)}  ${event.padEnd('budget.threshold_reached'.length)}  ${id}  ${told}`);
}

/** As often as asked for, and at most as often as half of the plan's requests allow. */
function intervalOf(everySeconds: number, headers: Headers | undefined): number {
  const limit = Number(headers?.get('x-ratelimit-limit') ?? Number.POSITIVE_INFINITY);
  return Math.max(everySeconds, limit > 0 ? SECONDS_PER_HOUR / (limit * SHARE_OF_PLAN) : SECONDS_PER_HOUR);
}

/** Seconds until a failed read is tried again; null where trying again cannot help. */
function retryAfter(error: unknown): number | null {
  if (error instanceof Unreachable) return 0;
  if (!(error instanceof ApiFailure)) return null;
  return error.status === 429 || error.status >= 500 ? (error.retryAfterSeconds ?? 0) : null;
}

/**
 * Shows events until it is interrupted. It reads the log when a subscription says that there is
 * something new; without a subscription it reads as often as `--every` says. The first read must
 * succeed; a later one that fails is repeated.
 */
async function follow(session: Session, { last, every, type }: TailOptions, signal: AbortSignal): Promise<void> {
  const reader = readEvents(session, type, signal);
  const show = ({ events, headers }: News): number => {
    for (const event of events) session.write(session.isJson ? JSON.stringify(event) : formatEvent(event));
    return intervalOf(every, headers);
  };
  let waitSeconds = show(await reader.last(last));
  if (waitSeconds > every) {
    session.note(`The plan limits requests: events are read every ${Math.ceil(waitSeconds)} s at most.`);
  }
  const alarm = openEventAlarm(session, type);
  try {
    for (let isFailing = false; ; ) {
      await alarm.wait(signal);
      try {
        waitSeconds = show(await reader.next());
        isFailing = false;
      } catch (error) {
        const seconds = retryAfter(error);
        if (seconds === null) throw error;
        if (!isFailing && error instanceof CliFailure) session.note(`${explain(error)} Trying again.`);
        isFailing = true;
        waitSeconds = Math.max(waitSeconds, seconds);
      }
      await pause(waitSeconds * 1_000, undefined, { signal });
    }
  } finally {
    alarm.close();
  }
}

/** `tail`: events as they happen. */
export function addTailCommand(program: Command, open: (command: Command) => Session): void {
  withExamples(
    program
      .command('tail')
      .description('show events as they happen, until Ctrl-C; needs events:read')
      .addOption(new Option('--type <event>', 'events of one type only: usage.exceeded'))
      .addOption(
        new Option('--last <count>', 'how many earlier events to begin with')
          .argParser(wholeNumber(0, PAGE_ROWS))
          .default(10),
      )
      .addOption(
        new Option('--every <seconds>', 'how often to read the log, at most')
          .argParser(wholeNumber(1, SECONDS_PER_HOUR))
          .default(1),
      )
      .action(async (options: TailOptions, command: Command) => {
        const session = open(command);
        const signal = session.interrupted();
        try {
          await follow(session, options, signal);
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }),
    'tail',
    'tail --type usage.exceeded --json',
  );
}
