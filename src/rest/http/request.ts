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
