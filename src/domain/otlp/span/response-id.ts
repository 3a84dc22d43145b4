/** What providers begin the ids of their answers with. */
const PROVIDER_ID = /^(?:chatcmpl|cmpl|resp|msg|gen|req)[-_]\S+$/;
/** Ollama numbers its answers, and home-made servers write the second. */
const DIGITS = /^(?:chatcmpl|cmpl)-\d+$/;
/** Gateways and frameworks make ids of their own: LiteLLM a UUID behind the prefix. */
const UUID = /(?:^|[-_])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const GEMINI_ID = /^[A-Za-z0-9_-]{20,30}$/;

/** An id of an answer that its provider made, for which one call is one event; else null. */
export function providerResponseId(id: string | null, provider: string): string | null {
  if (id === null || DIGITS.test(id) || UUID.test(id)) return null;
  if (PROVIDER_ID.test(id)) return id;
  return provider === 'google' && GEMINI_ID.test(id) ? id : null;
}
