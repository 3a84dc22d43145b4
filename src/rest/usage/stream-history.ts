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

/** CSV as RFC 4180 has it: objects are JSON in a field, null is empty. */
export const DEFAULT_FORM: StreamForm = {
  contentType: 'text/csv; charset=utf-8; header=present',
  head: (columns) => columns.join(',') + CSV_END,
  line: (event, columns) => columns.map((column) => csvField(event[column])).join(',') + CSV_END,
};

/** By media type. */
export const STREAM_FORMS: Readonly<Record<string, StreamForm>> = {
  'text/csv': DEFAULT_FORM,
  'application/x-ndjson': {
    contentType: 'application/x-ndjson',
    head: () => '',
    line: (event) => `${JSON.stringify(event)}\n`,
  },
};

/** The form that an `Accept` header asks for, or null for JSON pages. */
export function streamFormFor(accept: string | null): StreamForm | null {
  for (const part of (accept ?? '').split(',')) {
    const form = STREAM_FORMS[part.split(';', 1)[0]?.trim().toLowerCase() ?? ''];
    if (form) return form;
  }
  return null;
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
