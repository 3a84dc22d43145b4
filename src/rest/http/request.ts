import { AppError } from '../../platform/errors.ts';
import { mediaType } from '../../platform/http/http-body.ts';
import { parseJson } from '../../platform/json/json.ts';

/** A request as the routes need it, from whatever server it came through. */
export interface RestRequest {
  method: string;
  /** After the `?`, or empty. */
  search: string;
  params: Record<string, string>;
  header(name: string): string | null;
  /** @throws AppError payload_too_large */
  text(maxBytes?: number): Promise<string>;
  bytes(maxBytes: number): Promise<Uint8Array>;
  requestId: string;
  address: string;
}

/** What goes back. `body` is text to send as it is, a stream of it, or null for none. */
export interface RestAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
}

/** The same answer as the web has it. */
export function toResponse({ status, headers, body }: RestAnswer): Response {
  return new Response(body, { status, headers });
}

export const JSON_TYPE = 'application/json';

/**
 * The JSON body of a request.
 * @param otherMedia named by the media types that the route takes besides
 * @param isOptional whether no body at all is as good as `{}`
 * @throws AppError unsupported_media_type, payload_too_large, invalid_request
 */
export async function readJsonBody(
  request: RestRequest,
  otherMedia: object = {},
  { isOptional = false, maxBytes }: { isOptional?: boolean | undefined; maxBytes?: number | undefined } = {},
): Promise<unknown> {
  const type = request.header('content-type');
  if (isOptional && type === null && (await request.text(maxBytes)) === '') return {};
  if (mediaType(type) !== JSON_TYPE) {
    const types = new Set([JSON_TYPE, ...Object.keys(otherMedia)]);
    throw new AppError('unsupported_media_type', `Send the body as ${[...types].join(' or ')}.`);
  }
  const text = await request.text(maxBytes);
  return isOptional && text === '' ? {} : parseJson(text);
}
