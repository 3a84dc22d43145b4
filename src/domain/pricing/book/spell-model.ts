import { knownProvider } from '../price/provider-name.ts';

/** A name to look a model up by, and the region that the given name says it ran in. */
export interface Spelling {
  name: string;
  region: string | null;
}

type Respell = (name: string) => string | Spelling | null;

/** Returns the part of a name that a pattern captures, or null when it does not fit. */
const part =
  (pattern: RegExp): Respell =>
  (name) =>
    pattern.exec(name)?.[1] ?? null;

/** What a name of an AWS resource ends with, which models may be known by. */
const AWS_RESOURCE = part(/^arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/([^/]+)$/);
/** LiteLLM's routes and the region of a call: `us-east-1/amazon.nova-lite-v1:0`. */
const AWS_ROUTE = part(/^(?:converse|converse_like|invoke)\/(.+)$/);
const AWS_PLACE = /^((?:us|eu|ap|ca|sa|me|af|il|mx|us-gov)-[a-z]+-\d)\/([^/]+)$/;
const AWS_OWN = /^(?:nova|titan)-/;

const GOOGLE_RESOURCE = part(
  /^(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/(?:google|anthropic)\/models\/([^/]+)$/,
);
const GOOGLE_OTHERS = part(/^(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/([^/]+\/models\/[^/]+)$/);
const GOOGLE_MODEL = part(/^(?:models|google|gemini|anthropic)\/([^/]+)$/);
const VERTEX_ALIAS = part(/^(.+)@(?:default|latest)$/);
const VERTEX_DATE = /^(.+)@(\d{8})$/;

const AZURE_ZONE = /^(us|eu|apac|us-gov)\/([^/]+)$/;
const AZURE_GLOBAL = part(/^(?:global|global-standard|data-zone|openai|deployments)\/([^/]+)$/);

/** How OpenRouter chooses the host; `:free` and `:extended` have prices of their own. */
const OPENROUTER_ROUTE = part(/^(.+?)(?::(?:nitro|floor|online|exacto|thinking|beta))+$/);

/** Claude Code asks for the long context so, which the price's tiers tell by the tokens. */
const LONG_CONTEXT = part(/^(.+)\[1m\]$/);
/** `ft:BASE:organization:name:id` is charged as every model that is tuned from the same base. */
const FINE_TUNED = part(/^(ft:[^:]+):.*$/);
const CLAUDE_POINT = /(?<=claude-.*\d)\.(?=\d)/;

const BY_PROVIDER: Readonly<Record<string, readonly Respell[]>> = {
  anthropic: [dashed],
  aws: [
    AWS_RESOURCE,
    AWS_ROUTE,
    (name) => {
      const found = AWS_PLACE.exec(name);
      return found?.[1] && found[2] ? { name: found[2], region: found[1] } : null;
    },
    (name) => (AWS_OWN.test(name) ? `amazon.${name}` : null),
  ],
  azure: [
    AZURE_GLOBAL,
    (name) => {
      const found = AZURE_ZONE.exec(name);
      return found?.[1] && found[2] ? { name: found[2], region: found[1] } : null;
    },
    dashed,
  ],
  cloudflare: [part(/^workers-ai\/(.+)$/)],
  fireworks: [
    part(/^accounts\/fireworks\/models\/(.+)$/),
    (name) => (/^[^/]+$/.test(name) ? `accounts/fireworks/models/${name}` : null),
  ],
  google: [
    GOOGLE_RESOURCE,
    (name) => GOOGLE_OTHERS(name)?.toString().replace('/models/', '/') ?? null,
    GOOGLE_MODEL,
    VERTEX_ALIAS,
    (name) => {
      const found = VERTEX_DATE.exec(name);
      return found ? `${found[1]}-${found[2]}` : null;
    },
    dashed,
  ],
  openai: [FINE_TUNED],
  openrouter: [OPENROUTER_ROUTE],
};
const RULES = new Map(Object.entries(BY_PROVIDER));

function dashed(name: string): string | null {
  return CLAUDE_POINT.test(name) ? name.replace(CLAUDE_POINT, '-') : null;
}

/** `vendor/model` and `vendor:model` where the vendor is the provider itself. */
function withoutOwner(provider: string, name: string): string | null {
  const found = /^([a-z0-9._-]+)[/:](.+)$/.exec(name);
  return found?.[1] && found[2] && knownProvider(found[1]) === provider ? found[2] : null;
}

/**
 * Lists the names by which a provider's model may be known, the given one first: without the
 * prefixes and suffixes that say only where or how it is served. At most a handful.
 * @param name folded
 */
export function spellModel(provider: string, name: string): Spelling[] {
  const spellings: Spelling[] = [{ name, region: null }];
  const rules = [LONG_CONTEXT, (given: string) => withoutOwner(provider, given), ...(RULES.get(provider) ?? [])];
  // Each rule is tried on what all rules before it have made, so that they work together.
  for (const rule of rules) {
    for (const { name: given, region } of [...spellings]) {
      const made = rule(given);
      if (made === null) continue;
      const spelling = typeof made === 'string' ? { name: made, region } : made;
      if (!spellings.some((one) => one.name === spelling.name)) spellings.push(spelling);
    }
  }
  return spellings;
}
