import { getOperationAST, Kind } from 'graphql';
import type { Admission } from '../../domain/access/admit.ts';
import { ANONYMOUS } from '../../domain/access/anonymous.ts';
import { mediaType, readBodyText, STRANGER_BODY_BYTES } from '../../platform/http/http-body.ts';
import { isObject, parseJson } from '../../platform/json/json.ts';
import { parseOperation } from './query-limits.ts';

/** The only root field that may be asked without an API key, alone in its operation. */
const OPEN_FIELD = 'acceptInvite';

/** Whether the operation asks the open field and nothing else. */
function isOpen(query: string, operationName: string | null): boolean {
  const operation = getOperationAST(parseOperation(query), operationName);
  const [node, ...others] = operation?.selectionSet.selections ?? [];
  return node?.kind === Kind.FIELD && node.name.value === OPEN_FIELD && others.length === 0;
}

/** A request without an API key that needs none, with its body, which was read. */
export interface OpenRequest {
  request: Request;
  admission: Admission;
}

/**
 * The request where it may be answered without an API key, else null: it is then refused as any
 * other without a key is.
 */
export async function admitOpen(request: Request): Promise<OpenRequest | null> {
  const { method, headers, url } = request;
  if (method !== 'POST' || headers.has('authorization')) return null;
  if (mediaType(headers.get('content-type')) !== 'application/json') return null;
  try {
    const text = await readBodyText(request, STRANGER_BODY_BYTES);
    if (!text.includes(OPEN_FIELD)) return null;
    const body = parseJson(text);
    if (!isObject(body) || typeof body.query !== 'string') return null;
    const operationName = typeof body.operationName === 'string' ? body.operationName : null;
    if (!isOpen(body.query, operationName)) return null;
    const plain = new Headers(headers);
    for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) plain.delete(name);
    return {
      request: new Request(url, { method, headers: plain, body: text }),
      admission: { caller: ANONYMOUS, rateLimit: null, refusal: null, requests: 1 },
    };
  } catch {
    // Whatever is wrong with it, a stranger learns first that a key is missing.
    return null;
  }
}
