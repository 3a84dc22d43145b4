/**
 * Words that operations which call a model have in their names, whoever wrote them: `chat`,
 * `text_completion`, `chat.completions` (Semantic Kernel), `acompletion` and `anthropic_messages`
 * (LiteLLM), `generate_object` and `embed_many` (Sentry), `call_llm` (ADK), `llm_call` (Gemini CLI).
 */
const CALL_WORDS: ReadonlySet<string> = new Set(
  `chat model completion completions generate generation stream embed embedding embeddings message messages response responses
  llm inference converse predict prediction transcription transcribe translation speech tts image images video rerank
  realtime ocr multimodal`.split(/\s+/),
);

/** Words of what goes on around a call, which repeats the numbers of the calls in it. */
const OTHER_WORDS: ReadonlySet<string> = new Set(
  `agent agents workflow workflows tool tools function functions task tasks plan planner memory memories chain chains
  crew flow graph session turn team handoff guardrail guardrails evaluate evaluation evaluator retrieval retrieve
  retriever search fetch get list delete cancel count moderation file files upload vector store mcp template parser
  feedback pipeline router step loop interaction`.split(/\s+/),
);

/** LiteLLM's call types have an `a` before the first word where they are asynchronous. */
const ASYNC = /^a(?=[a-z]{3})/;

function wordsOf(name: string): string[] {
  const snake = name.trim().replace(/([a-z])(?=[A-Z])/g, '$1_');
  return snake
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** Whether any word of a name is of what goes on around calls. */
export function namesContainer(name: string): boolean {
  return wordsOf(name).some((word) => OTHER_WORDS.has(word));
}

/** Whether an operation of this name calls a model. */
export function namesModelCall(operation: string): boolean {
  const [first = '', ...rest] = wordsOf(operation);
  const words = [first, first.replace(ASYNC, ''), ...rest];
  return words.some((word) => CALL_WORDS.has(word)) && !words.some((word) => OTHER_WORDS.has(word));
}
