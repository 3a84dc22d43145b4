/** Text frames of the server: FIN and opcode 1, RFC 6455 section 5.2. */
const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MAX_16 = 0xffff;

const HEAD = '{"id":"';
/** What an id of an operation may be to be written into a frame byte by byte: no escapes, ASCII. */
const PLAIN_ID = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function headerOf(bytes: number): Buffer {
  if (bytes < LENGTH_16) return Buffer.from([FIN_TEXT, bytes]);
  if (bytes <= MAX_16) return Buffer.from([FIN_TEXT, LENGTH_16, bytes >> 8, bytes & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = FIN_TEXT;
  header[1] = LENGTH_64;
  header.writeBigUInt64BE(BigInt(bytes), 2);
  return header;
}

/** Whether {@link LiveMessage.frame} can carry the id. */
export function isPlainId(id: string): boolean {
  return PLAIN_ID.test(id);
}

/**
 * One answer to all who wait for the same. It is serialized once; each subscriber gets a copy of
 * the bytes with its own id in them.
 */
export class LiveMessage {
  /** The GraphQL result as JSON. */
  readonly payload: string;
  readonly #templates = new Map<number, { frame: Buffer; idAt: number }>();
  #stream: Buffer | undefined;

  constructor(payload: string) {
    this.payload = payload;
  }

  /** A whole WebSocket frame with the message `next` for the operation `id`, see {@link isPlainId}. */
  frame(id: string): Buffer {
    const template = this.#templates.get(id.length) ?? this.#makeTemplate(id.length);
    const frame = Buffer.from(template.frame);
    frame.write(id, template.idAt, 'latin1');
    return frame;
  }

  /** The same as text, for any id. */
  text(id: string): string {
    return `{"id":${JSON.stringify(id)},"type":"next","payload":${this.payload}}`;
  }

  /** The event `next` of a stream of server-sent events. */
  stream(): Buffer {
    this.#stream ??= Buffer.from(`event: next\ndata: ${this.payload}\n\n`);
    return this.#stream;
  }

  #makeTemplate(idLength: number) {
    const body = Buffer.from(`${HEAD}${' '.repeat(idLength)}","type":"next","payload":${this.payload}}`);
    const header = headerOf(body.length);
    const template = { frame: Buffer.concat([header, body]), idAt: header.length + HEAD.length };
    this.#templates.set(idLength, template);
    return template;
  }
}
