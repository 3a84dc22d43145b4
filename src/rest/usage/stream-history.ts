import { preferredType } from '../../platform/http/accept.ts';
import type { RouteAnswer } from '../http/route.ts';

/** A page of the walk, and the cursor of the next one. */
export interface StreamPage<Event> {
  events: Event[];
  next: string | null;
}

/** How a stream writes events: a head, then one line each. */
export interface StreamForm {
  contentType: string;
  head(columns: readonly string[]): string;
  line(event: Record<string, unknown>, columns: readonly string[]): string;
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const CSV_END = '\r\n';

/** By media type. CSV as RFC 4180 has it: objects are JSON in a field, null is empty. */
export const STREAM_FORMS: ReadonlyMap<string, StreamForm> = new Map<string, StreamForm>([
  [
    'text/csv',
    {
      contentType: 'text/csv; charset=utf-8; header=present',
      head: (columns) => columns.join(',') + CSV_END,
      line: (event, columns) => columns.map((column) => csvField(event[column])).join(',') + CSV_END,
    },
  ],
  [
    'application/x-ndjson',
    {
      contentType: 'application/x-ndjson',
      head: () => '',
      line: (event) => `${JSON.stringify(event)}\n`,
    },
  ],
]);

const ANSWERED_TYPES = ['application/json', ...STREAM_FORMS.keys()];

/**
 * The form that an `Accept` header prefers, or null for JSON pages, which are also for those who
 * take nothing that there is.
 */
export function streamFormFor(accept: string | null): StreamForm | null {
  return STREAM_FORMS.get(preferredType(accept, ANSWERED_TYPES) ?? '') ?? null;
}

/**
 * A whole result as one stream, page by page as the reader takes it: memory holds one page, however
 * many there are. The first page is read before the answer begins, so that a refusal still is one.
 */
export async function streamPages<Event extends Record<string, unknown>>(
  form: StreamForm,
  columns: readonly string[],
  readPage: (cursor: string | null) => Promise<StreamPage<Event>>,
): Promise<RouteAnswer> {
  const encoder = new TextEncoder();
  let page: StreamPage<Event> | null = await readPage(null);
  let head = form.head(columns);
  const content = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!page) return controller.close();
        const text: string = head + page.events.map((event) => form.line(event, columns)).join('');
        head = '';
        const { next }: StreamPage<Event> = page;
        if (text) controller.enqueue(encoder.encode(text));
        page = next === null ? null : await readPage(next);
        if (!page) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return { status: 200, body: null, raw: { contentType: form.contentType, content } };
}
