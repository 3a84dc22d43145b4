import { setBounded } from '../../../platform/bounded-map.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';

/**
 * Every spelling we know of a provider -> its id in the price catalog, or our own id when the
 * catalog has none. Keys are in lower case with `-` for `.`, `_`, `/` and spaces. From
 * OpenTelemetry (`gen_ai.provider.name`, the older `gen_ai.system`), LiteLLM, the Vercel AI SDK,
 * OpenInference, and the catalog's own ids.
 */
const SPELLINGS: Record<string, string> = {
  anthropic: 'anthropic claude',
  arcee: 'arcee-ai',
  avian: 'avian-io',
  aws: 'aws aws-bedrock amazon amazon-bedrock bedrock bedrock-converse bedrock-runtime',
  azure:
    'azure azure-ai azure-openai azureopenai azure-ai-openai az-ai-openai azure-ai-inference az-ai-inference azure-text azure-foundry azure-ai-foundry microsoft-foundry',
  baseten: 'baseten',
  cerebras: 'cerebras cerebras-ai',
  cloudflare: 'cloudflare cloudflare-workers-ai workers-ai',
  cohere: 'cohere cohere-ai cohere-chat',
  deepseek: 'deepseek deepseek-ai',
  fireworks: 'fireworks fireworks-ai',
  'github-copilot': 'github-copilot copilot',
  google:
    'google gemini google-ai google-ai-studio google-gemini google-genai google-generative-ai googleai gen-ai vertex vertex-ai vertex-ai-beta vertexai google-vertex google-vertex-ai google-vertex-anthropic vertex-anthropic',
  groq: 'groq groqcloud',
  minimax: 'minimax minimaxi',
  mistral: 'mistral mistral-ai mistralai codestral',
  moonshotai: 'moonshotai moonshot moonshot-ai kimi',
  novita: 'novita novita-ai',
  openai: 'openai open-ai text-completion-openai',
  openrouter: 'openrouter open-router',
  ovhcloud: 'ovhcloud ovh ovhcloud-ai',
  perplexity: 'perplexity perplexity-ai pplx',
  together: 'together togetherai together-ai',
  voyageai: 'voyageai voyage voyage-ai',
  'x-ai': 'x-ai xai',
  zai: 'zai z-ai',
  zhipuai: 'zhipuai zhipu zhipu-ai bigmodel',
};

const ID_BY_SPELLING = new Map(
  Object.entries(SPELLINGS).flatMap(([id, names]) => names.split(' ').map((name) => [name, id] as const)),
);
/** The Vercel AI SDK appends the API it speaks: `openai.responses`, `google.vertex.chat`. */
const API_SUFFIX = /-(?:chat|responses|messages|completion|completions|embedding|embeddings|transcription)$/;
const HUGGING_FACE = /^hugging[ _-]?face[ _/.:-]+(.+)$/;

/** Names seen recently and what they are: callers send few, and each event would pay for the search. */
const recent = new Map<string, string>();
const MAX_RECENT = 1_000;

/**
 * The one name of a provider: its catalog id where a known spelling of it is given, in any case.
 * Other names are kept as given, folded as {@link foldName} does. Never guesses from a part of the
 * name.
 */
export function normalizeProvider(name: string): string {
  const known = recent.get(name);
  if (known !== undefined) return known;
  const given = foldName(name);
  // No spelling is so long, and the patterns below take the square of its length.
  if (given.length > USAGE_LIMITS.provider) return given;
  const provider = findProvider(given);
  if (name.length <= USAGE_LIMITS.provider) setBounded(recent, name, provider, MAX_RECENT);
  return provider;
}

function findProvider(given: string): string {
  const key = given.replace(/[\s._/-]+/g, '-');
  const id = ID_BY_SPELLING.get(key) ?? ID_BY_SPELLING.get(key.replace(API_SUFFIX, ''));
  if (id !== undefined) return id;
  if (key.startsWith('gcp-')) return 'google';
  const hosted = HUGGING_FACE.exec(given)?.[1];
  return hosted === undefined ? given : `huggingface_${hosted}`;
}
