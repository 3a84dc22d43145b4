import { readResponseId } from '../../usage/decode/provider-response-id.ts';

const GEMINI_ID = /^[A-Za-z0-9_-]{20,30}$/;
const GOOGLE = 'google';
/** LiteLLM puts a UUID of its own behind the prefix of OpenAI. */
const OWN_UUID = /^chatcmpl-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id of an answer that holds for one call everywhere, as the decoder of answers has it; else null. */
export function callWideId(id: string | null, provider: string): string | null {
  return readResponseId(id) ?? (id !== null && provider === GOOGLE && GEMINI_ID.test(id) ? id : null);
}

/** Whether a gateway made such an id: what it wraps has another one, of the provider. */
export function isGatewayId(id: string): boolean {
  return OWN_UUID.test(id);
}
