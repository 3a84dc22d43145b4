/**
 * How the providers' own ids of answers begin: OpenAI and those that speak its API (`chatcmpl-`,
 * `cmpl-`, `resp_`), Anthropic (`msg_`, and `req_` for the request), OpenRouter (`gen-`).
 */
const PROVIDER_MADE = /^(?:chatcmpl-|cmpl-|resp_|msg_|gen-|req_)[\x21-\x7e]{1,240}$/;
/** Ollama counts to 999, and home-made servers write the second or a counter: no two need differ. */
const NUMBERED = /^(?:chatcmpl-|cmpl-)\d+$/;

/**
 * The id of an answer, where it is one that a provider made and that no other answer has; else null.
 * Ids of gateways and frameworks, mostly bare UUIDs, name their own record of the call.
 */
export function readResponseId(id: unknown): string | null {
  return typeof id === 'string' && PROVIDER_MADE.test(id) && !NUMBERED.test(id) ? id : null;
}
