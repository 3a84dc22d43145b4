import { formatId } from '../../../platform/ids.ts';
import { snakeRecord } from '../../../platform/snake-case.ts';
import type { SentEvent } from './sent-event.ts';
import { slackMessage } from './slack-message.ts';

export interface MessageOptions {
  format: 'standard' | 'slack';
  /** Of the event's budget, where it has one; read for `slack` only. */
  budgetName: string | null;
  /** Where links lead to, without a slash at its end. */
  publicUrl: string;
}

/** The body that a webhook receives. In the standard format it is the event as `GET /v1/events` lists it. */
export function messageBody(event: SentEvent, { format, budgetName, publicUrl }: MessageOptions): Buffer {
  const message =
    format === 'slack'
      ? slackMessage(event, budgetName, publicUrl)
      : {
          id: formatId('event', event.id),
          event: event.type,
          created_at: event.createdAt.toISOString(),
          data: snakeRecord(event.data),
        };
  return Buffer.from(JSON.stringify(message));
}
