import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';

const gzip = promisify(gzipCallback);
const ETAG_CHARACTERS = 22;

interface Rendered {
  etag: string;
  plain: Uint8Array<ArrayBuffer>;
  folded: Uint8Array<ArrayBuffer>;
  headers: Readonly<Record<string, string>>;
}

/** A page and its headers: `Content-Type`, and perhaps a policy or `Cache-Control`. */
export interface StaticContent {
  content: string | Uint8Array;
  headers: Readonly<Record<string, string>>;
}

/** By default a browser asks again, and mostly hears 304. */
const ASK_AGAIN = 'no-cache';

/** Answers GET and HEAD of one page. */
export type StaticPage = (request: Request) => Promise<Response>;

function takesGzip(request: Request): boolean {
  return /(?:^|,)\s*(?:gzip|\*)\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))|,|$)/i.test(
    request.headers.get('accept-encoding') ?? '',
  );
}

function hasMatch(request: Request, etag: string): boolean {
  const known = request.headers.get('if-none-match')?.split(',') ?? [];
  return known.some((one) => one.trim().replace(/^W\//, '') === etag);
}

/**
 * A page that is the same for everybody: it is loaded, compressed and hashed when first asked for,
 * and all answers share its bytes, so that a thousand readers that do not read hold no copy.
 */
export function createStaticPage(load: () => Promise<StaticContent>): StaticPage {
  let rendering: Promise<Rendered> | null = null;

  async function render(): Promise<Rendered> {
    const { content, headers } = await load();
    const plain = Uint8Array.from(Buffer.from(content));
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, ETAG_CHARACTERS);
    return { etag: `"${hash}"`, plain, folded: Uint8Array.from(await gzip(plain)), headers };
  }

  return async (request) => {
    rendering ??= render().catch((error) => {
      rendering = null;
      throw error;
    });
    const { etag, plain, folded, headers: own } = await rendering;
    const headers: Record<string, string> = { 'Cache-Control': ASK_AGAIN, ...own, ETag: etag, Vary: 'Accept-Encoding' };
    if (hasMatch(request, etag)) {
      delete headers['Content-Type'];
      return new Response(null, { status: 304, headers });
    }
    const isFolded = takesGzip(request);
    if (isFolded) headers['Content-Encoding'] = 'gzip';
    return new Response(request.method === 'HEAD' ? null : isFolded ? folded : plain, { headers });
  };
}
