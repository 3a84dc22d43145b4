import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { knownProvider } from './provider-name.ts';

/** What only one provider names its models like. The first that fits counts. */
const SHAPES: readonly (readonly [model: RegExp, provider: string])[] = [
  [/^arn:aws[a-z-]*:bedrock:/, 'aws'],
  [
    /^(?:(?:us|eu|apac|jp|au|ca|in|sa|us-gov|global)\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|stability|twelvelabs|writer|zai)\.[a-z]/,
    'aws',
  ],
  [/^(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/[^/]+\/models\//, 'google'],
  [/^models\/(?:gemini|gemma|imagen|veo|text-embedding|embedding)-/, 'google'],
  [/^accounts\/[^/]+\/(?:models|routers)\//, 'fireworks'],
  [/^@cf\//, 'cloudflare'],
];

/** Whose models have such names. Names of open weights, which many serve, are not among them. */
const FAMILIES: readonly (readonly [model: RegExp, provider: string])[] = [
  [/^claude-/, 'anthropic'],
  [/^(?:gemini|imagen|veo)-|^text-(?:embedding-00|multilingual-embedding-00)\d/, 'google'],
  [
    /^(?:ft:)?(?:gpt-\d|chatgpt-|o[1-9](?:-|$)|davinci-00|babbage-00)|^(?:text-embedding-(?:3|ada)-|dall-e-|whisper-1$|tts-1|sora-|gpt-(?:image|audio|realtime)|(?:omni|text)-moderation|computer-use|codex-)/,
    'openai',
  ],
  [/^grok-/, 'x-ai'],
  [/^deepseek-(?!.*(?:distill|-maas))/, 'deepseek'],
  [/^(?:open-)?(?:mistral|mixtral|magistral|ministral|codestral|pixtral|devstral|voxtral)-/, 'mistral'],
  [/^(?:command-|c4ai-|embed-(?:english|multilingual|v\d)|rerank-(?:english|multilingual|v\d))/, 'cohere'],
  [/^(?:voyage-|rerank-\d)/, 'voyageai'],
  [/^sonar(?:-|$)/, 'perplexity'],
  [/^(?:kimi-|moonshot-v)/, 'moonshotai'],
  [/^glm-\d/, 'zai'],
  [/^minimax-/, 'minimax'],
];

/**
 * Finds who sells a model by the shape of its name alone, for calls whose provider is not known:
 * `us.anthropic.claude-...` is AWS's, `claude-...` is Anthropic's, `vendor/model` the vendor's.
 * @returns the provider's id, or null when the shape does not tell
 */
export function vendorOfModel(model: string): string | null {
  const name = foldName(model);
  if (name.length > USAGE_LIMITS.model) return null;
  const shaped = SHAPES.find(([pattern]) => pattern.test(name));
  if (shaped) return shaped[1];
  const slash = name.indexOf('/');
  if (slash > 0) return knownProvider(name.slice(0, slash));
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}
