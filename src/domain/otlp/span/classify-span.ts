import { CLAUDE_CODE_CALL, KIND_NAMES } from '../names/kind-names.ts';
import { WORD_NAMES } from '../names/word-names.ts';
import type { OtlpSpan } from '../wire/otlp-span.ts';
import { findWord } from './find-attribute.ts';
import { namesContainer, namesModelCall } from './operation-words.ts';
import { hasTokens } from './read-tokens.ts';

/**
 * `call`: one call of a model, by what the span itself says it is. `likely`: it has a model and
 * tokens, and nothing says what it is. `other`: an agent, a workflow, a tool, a framework's outer
 * span, which repeat the counts of the calls inside them; or nothing of GenAI.
 */
export type SpanClass = 'call' | 'likely' | 'other';

const AI_SDK_NAME = /^ai\.[a-zA-Z]+/;
const AI_SDK_CALL = /\.do(?:Generate|Stream|Embed|Transcribe|Rerank)$/;
const OPENINFERENCE_CALLS: ReadonlySet<string> = new Set(['llm', 'embedding', 'reranker']);
const LANGFUSE_CALLS: ReadonlySet<string> = new Set(['generation', 'embedding']);
const LANGSMITH_CALLS: ReadonlySet<string> = new Set(['llm', 'embedding']);
const SENTRY_PREFIX = /^(?:gen_ai|ai)\./i;

/** By the attributes that say what a span is, in order of reliability; null where none is there. */
function classifyByKind({ name, attributes }: OtlpSpan): SpanClass | null {
  const kindOf = (key: string) => findWord(attributes, [key])?.toLowerCase();
  const asClass = (isCall: boolean): SpanClass => (isCall ? 'call' : 'other');
  const operation = findWord(attributes, [KIND_NAMES.operation]);
  const namedByAiSdk = operation === undefined && AI_SDK_NAME.test(name) ? name.split(' ', 1)[0] : undefined;
  const aiSdk = findWord(attributes, [KIND_NAMES.aiSdk]) ?? namedByAiSdk;
  if (aiSdk !== undefined) return asClass(AI_SDK_CALL.test(aiSdk));
  const langfuse = kindOf(KIND_NAMES.langfuse);
  if (langfuse !== undefined) return asClass(LANGFUSE_CALLS.has(langfuse));
  // It calls prompts `chat` and retrievers `embeddings`.
  const langsmith = kindOf(KIND_NAMES.langsmith);
  if (langsmith !== undefined) return asClass(LANGSMITH_CALLS.has(langsmith));
  if (operation !== undefined) return asClass(namesModelCall(operation));
  const openInference = kindOf(KIND_NAMES.openInference);
  if (openInference !== undefined) return asClass(OPENINFERENCE_CALLS.has(openInference));
  const openLlmetry = findWord(attributes, [KIND_NAMES.openLlmetryRequest]);
  if (openLlmetry !== undefined) return asClass(namesModelCall(openLlmetry));
  if (attributes.has(KIND_NAMES.openLlmetrySpan)) return 'other';
  const sentry = findWord(attributes, [KIND_NAMES.sentry]);
  if (sentry !== undefined && SENTRY_PREFIX.test(sentry)) {
    return asClass(namesModelCall(sentry.replace(SENTRY_PREFIX, '')));
  }
  return null;
}

/** What a span is. One without any kind is a call where it names a model and has tokens. */
export function classifySpan(span: OtlpSpan): SpanClass {
  const { name, attributes } = span;
  if (name === CLAUDE_CODE_CALL) return 'call';
  const byKind = classifyByKind(span);
  if (byKind !== null) return byKind;
  const models = [WORD_NAMES.responseModel, WORD_NAMES.requestModel].flatMap(
    (names) => findWord(attributes, names) ?? [],
  );
  if (models.length === 0 || !hasTokens(span)) return 'other';
  // A model's own name may have any word in it.
  const withoutModels = models.reduce((rest, model) => rest.replaceAll(model, ' '), name);
  return namesContainer(withoutModels) ? 'other' : 'likely';
}
