import { setBounded } from '../../../platform/bounded-map.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';

/**
 * Every spelling we know of a provider -> its id in the price catalog, or our own id when the
 * catalog has none. Keys are in lower case with `-` for `.`, `_`, `/` and spaces. From
 * OpenTelemetry (`gen_ai.provider.name`, the older `gen_ai.system`), OpenInference, LiteLLM, the
 * Vercel AI SDK, LangChain (`ls_provider` and its classes), and the catalog's own ids.
 */
const SPELLINGS: Record<string, string> = {
  ai21: 'ai21 ai21-labs ai21labs',
  anthropic: 'anthropic claude claude-api anthropic-api chatanthropic',
  arcee: 'arcee arcee-ai',
  avian: 'avian avian-io',
  aws: `aws aws-bedrock amazon amazon-bedrock amazon-bedrock-mantle bedrock bedrock-converse bedrock-mantle bedrock-runtime
    bedrock-chat bedrock-anthropic bedrock-invoke aws-anthropic anthropic-bedrock amazon-bedrock-anthropic
    amazon-bedrock-converse chatbedrock chatbedrockconverse bedrockchat bedrockllm bedrockembeddings chatanthropicbedrock`,
  azure: `azure azure-ai azure-openai azureopenai azure-ai-openai az-ai-openai azure-ai-inference az-ai-inference azure-text
    azure-foundry azure-ai-foundry microsoft-foundry foundry azure-anthropic anthropic-foundry azure-openai-responses
    azure-cognitive-services azurechatopenai azureopenaiembeddings azureaichatcompletionsmodel`,
  baseten: 'baseten',
  cerebras: 'cerebras cerebras-ai chatcerebras',
  cloudflare: 'cloudflare cloudflare-workers-ai workers-ai workersai',
  cohere: 'cohere cohere-ai cohere-chat chatcohere',
  cursor: 'cursor',
  dashscope: 'dashscope alibaba alibaba-cloud aliyun tongyi chattongyi',
  deepinfra: 'deepinfra deep-infra chatdeepinfra',
  deepseek: 'deepseek deepseek-ai chatdeepseek',
  doubleword: 'doubleword',
  fireworks: 'fireworks fireworks-ai fireworksai chatfireworks',
  'github-copilot': 'github-copilot githubcopilot copilot github',
  google: `google gemini google-ai google-ai-studio google-gemini google-genai google-generative-ai google-generativeai
    googlegenerativeai googlegenai googleai gen-ai vertex vertex-ai vertex-ai-beta vertexai google-vertex google-vertex-ai
    google-vertexai googlevertexai googlevertex google-vertex-anthropic google-anthropic-vertex vertex-anthropic
    vertex-ai-anthropic anthropic-vertex googlevertex-anthropic chatvertexai vertexaiembeddings chatgooglegenerativeai
    chatanthropicvertex`,
  groq: 'groq groqcloud groq-cloud chatgroq',
  minimax: 'minimax minimaxi minimaxai minimaxchat',
  mistral: `mistral mistral-ai mistralai codestral text-completion-codestral chatmistralai`,
  modal: 'modal',
  moonshotai: 'moonshotai moonshot moonshot-ai kimi moonshotchat chatmoonshot',
  novita: 'novita novita-ai',
  openai: 'openai open-ai text-completion-openai openai-api chatopenai openaiembeddings',
  openrouter: 'openrouter open-router openrouter-ai chatopenrouter',
  ovhcloud: 'ovhcloud ovh ovhcloud-ai',
  perplexity: 'perplexity perplexity-ai perplexityai pplx chatperplexity',
  together: 'together togetherai together-ai chattogether',
  voyageai: 'voyageai voyage voyage-ai',
  'x-ai': 'x-ai xai grok chatxai',
  zai: 'zai z-ai zai-org',
  zhipuai: 'zhipuai zhipu zhipu-ai bigmodel chatzhipuai',
};

const ID_BY_SPELLING = new Map(
  Object.entries(SPELLINGS).flatMap(([id, names]) => names.split(/\s+/).map((name) => [name, id] as const)),
);
/**
 * What is appended to a provider: the API, by the Vercel AI SDK (`openai.responses`,
 * `google.vertex.chat`), and the kind of model, by LiteLLM (`vertex_ai-llama_models`).
 */
const API_SUFFIX =
  /-(?:chat|responses|messages|completion|completions|embedding|embeddings|textembedding|image|images|speech|transcription|video|reranking|realtime|live|[a-z0-9]+-models)$/;
/** How ADK names itself; everything else that begins with `gcp` is Google. */
const ADK = 'gcp-vertex-agent';
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

function idOf(given: string): string | null {
  const key = given.replace(/[\s._/-]+/g, '-');
  const id = ID_BY_SPELLING.get(key) ?? ID_BY_SPELLING.get(key.replace(API_SUFFIX, ''));
  return id ?? (key.startsWith('gcp-') && key !== ADK ? 'google' : null);
}

/** The catalog id of a provider whose spelling we know, else null. */
export function knownProvider(name: string): string | null {
  const given = foldName(name);
  return given.length > USAGE_LIMITS.provider ? null : idOf(given);
}

function findProvider(given: string): string {
  const id = idOf(given);
  if (id !== null) return id;
  const hosted = HUGGING_FACE.exec(given)?.[1];
  return hosted === undefined ? given : `huggingface_${hosted}`;
}
