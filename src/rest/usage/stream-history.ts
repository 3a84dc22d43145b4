import { USAGE_COUNTS } from '../../domain/pricing/price/usage-counts.ts';
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
  /** @param isRaw strings are to be written as they are, see {@link CSV_HARMLESS} */
  line(event: Record<string, unknown>, columns: readonly string[], isRaw: boolean): string;
}

/**
 * What a spreadsheet takes for a formula. An apostrophe in front makes it a string there, as OWASP
 * advises ("CSV Injection").
 */
const FORMULA = /^[=+\-@\t\r]/;
/** Money is a string in JSON, and a number in a spreadsheet. */
const NUMBER = /^-?\d+(\.\d+)?$/;
const CSV_HARMLESS = "'";

function csvField(value: unknown, isNumeric: boolean, isRaw: boolean): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const isFormula = !isRaw && FORMULA.test(text) && !(isNumeric && NUMBER.test(text));
  const cell = isFormula ? CSV_HARMLESS + text : text;
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

const CSV_END = '\r\n';
/** Negative where an event was voided. */
const NUMERIC_COLUMNS: ReadonlySet<string> = new Set([
  ...USAGE_COUNTS.map(({ column }) => column),
  'total_tokens',
  'requests',
  'cost',
  'original_cost',
  'computed_cost',
]);

/**
 * CSV as RFC 4180 has it: objects are JSON in a field, null is empty.
 * @param numeric the columns whose numbers may be negative
 */
export function csvForm(numeric: ReadonlySet<string>): StreamForm {
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    head: (columns) => columns.join(',') + CSV_END,
    line: (event, columns, isRaw) => {
      const cells = columns.map((name) => csvField(event[name], numeric.has(name), isRaw));
      return cells.join(',') + CSV_END;
    },
  };
}

export const DEFAULT_FORM: StreamForm = csvForm(NUMERIC_COLUMNS);

export const NDJSON_FORM: StreamForm = {
  contentType: 'application/x-ndjson',
  head: () => '',
  line: (event) => `${JSON.stringify(event)}\n`,
};

/** By media type. */
export const STREAM_FORMS: ReadonlyMap<string, StreamForm> = new Map([
  ['text/csv', DEFAULT_FORM],
  ['application/x-ndjson', NDJSON_FORM],
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
  { columns, isRaw }: { columns: readonly string[]; isRaw: boolean },
  readPage: (cursor: string | null) => Promise<StreamPage<Event>>,
  cancel?: () => void,
): Promise<RouteAnswer> {
  const encoder = new TextEncoder();
  let page: StreamPage<Event> | null = await readPage(null);
  let head = form.head(columns);
  const content = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!page) return controller.close();
        const text: string = head + page.events.map((event) => form.line(event, columns, isRaw)).join('');
        head = '';
        const { next }: StreamPage<Event> = page;
        if (text) controller.enqueue(encoder.encode(text));
        page = next === null ? null : await readPage(next);
        if (!page) controller.close();
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { status: 200, body: null, raw: { contentType: form.contentType, content } };
}
