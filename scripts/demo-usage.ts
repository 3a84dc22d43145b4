/** An event of the demo, in the form that REST accepts. */
export interface DemoEvent {
  id: string;
  provider: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  timestamp: string;
  team_id?: string;
  user_id: string;
  tags: { env: string; feature: string };
}

export interface DemoTeam {
  id: string;
  name: string;
}

export interface DemoUsage {
  events: DemoEvent[];
  /** The range of the events: two midnights UTC, the second one after the last event. */
  start: string;
  end: string;
}

interface Feature {
  name: string;
  team: number;
  /** The relative number of events on the first and on the last of the sixty days. */
  weight: readonly [number, number];
  models: readonly (readonly [provider: string, model: string, share: number])[];
  inputTokens: number;
  outputTokens: number;
  /** The share of the input that is read from the provider's cache, from 0 to 1. */
  cached: number;
}

export const TEAM_NAMES = ['Support', 'Search', 'Engineering', 'Growth'] as const;
const DAYS = 60;
const DAY_MS = 86_400_000;
const EVENTS_ON_FIRST_DAY = 270;
const GROWTH_A_DAY = 1.012;
/** The relative number of events on each weekday, Monday first. */
const WEEKDAYS = [1, 1.06, 1.08, 1.04, 0.92, 0.34, 0.28] as const;
const BUSIEST_HOUR = 14;
/** A loop in the code assistant, ten days ago: one evening of many long prompts. */
const ANOMALY = { daysAgo: 10, feature: 'code-assistant', factor: 9, hour: 21 } as const;
const USERS_A_TEAM = 12;

const FEATURES: readonly Feature[] = [
  {
    name: 'chat',
    team: 0,
    weight: [30, 28],
    models: [
      ['openai', 'gpt-4o-mini', 0.7],
      ['openai', 'gpt-4o', 0.3],
    ],
    inputTokens: 1_900,
    outputTokens: 320,
    cached: 0.45,
  },
  {
    name: 'summaries',
    team: 0,
    weight: [12, 10],
    models: [['anthropic', 'claude-haiku-4-5', 1]],
    inputTokens: 6_200,
    outputTokens: 540,
    cached: 0,
  },
  {
    name: 'search-answers',
    team: 1,
    weight: [22, 30],
    models: [
      ['google', 'gemini-2.5-flash', 0.85],
      ['openai', 'gpt-4o-mini', 0.15],
    ],
    inputTokens: 4_100,
    outputTokens: 260,
    cached: 0.2,
  },
  {
    name: 'code-assistant',
    team: 2,
    weight: [10, 18],
    models: [
      ['anthropic', 'claude-sonnet-4-5', 0.8],
      ['google', 'gemini-2.5-pro', 0.2],
    ],
    inputTokens: 14_000,
    outputTokens: 1_300,
    cached: 0.7,
  },
  {
    name: 'campaign-drafts',
    team: 3,
    weight: [6, 7],
    models: [['openai', 'gpt-4o', 1]],
    inputTokens: 900,
    outputTokens: 780,
    cached: 0,
  },
  {
    // The catalog does not price this model, so its cost stays unknown.
    name: 'experiments',
    team: 2,
    weight: [0.2, 0.5],
    models: [['openai', 'acme-finetune-7', 1]],
    inputTokens: 2_000,
    outputTokens: 400,
    cached: 0,
  },
];

/** mulberry32: returns numbers from 0 to below 1, the same on every machine. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function pick<T>(items: readonly T[], weightOf: (item: T) => number, random: () => number): T {
  let left = random() * items.reduce((sum, item) => sum + weightOf(item), 0);
  for (const item of items) {
    left -= weightOf(item);
    if (left < 0) return item;
  }
  return items.at(-1) as T;
}

/** Returns a random count around `mean`, at most 3.3 times the mean, with a long tail. */
function spread(mean: number, random: () => number): number {
  const bell = random() + random() + random() - 1.5;
  return Math.max(1, Math.round(mean * Math.exp(bell * 0.8)));
}

function timeOf(dayMs: number, random: () => number): number {
  const hours = BUSIEST_HOUR + (random() + random() + random() - 1.5) * 9;
  return dayMs + Math.floor((((hours % 24) + 24) % 24) * 3_600_000);
}

function makeEvent(
  feature: Feature,
  id: string,
  timeMs: number,
  teams: readonly DemoTeam[],
  random: () => number,
): DemoEvent {
  const [provider, model] = pick(feature.models, ([, , share]) => share, random);
  const input = spread(feature.inputTokens, random);
  const isProduction = random() < 0.88;
  // Squaring skews the choice, so that a few users make most of the requests.
  const user = 1 + Math.floor(random() ** 2 * USERS_A_TEAM);
  const name = TEAM_NAMES[feature.team] as string;
  const team = teams.find((one) => one.name === name);
  return {
    id,
    provider,
    model,
    input_tokens: input,
    output_tokens: spread(feature.outputTokens, random),
    cache_read_tokens: Math.floor(input * feature.cached * random()),
    timestamp: new Date(timeMs).toISOString(),
    ...(team ? { team_id: team.id } : {}),
    user_id: `${name.toLowerCase()}-${String(user).padStart(2, '0')}`,
    tags: { env: isProduction ? 'production' : 'staging', feature: feature.name },
  };
}

function makeDay(dayMs: number, firstRunDay: number, teams: readonly DemoTeam[]): DemoEvent[] {
  const dayNumber = dayMs / DAY_MS;
  const random = createRandom(dayNumber);
  // Below 0 for days after the first run.
  const daysAgo = (firstRunDay - dayMs) / DAY_MS;
  const age = Math.min(1, 1 - daysAgo / DAYS);
  const weekday = WEEKDAYS[(dayNumber + 3) % 7] as number;
  const count = Math.round(EVENTS_ON_FIRST_DAY * GROWTH_A_DAY ** (DAYS - daysAgo) * weekday * (0.94 + random() * 0.12));
  const date = new Date(dayMs).toISOString().slice(0, 10);
  const weight = ({ weight: [first, last] }: Feature) => first + (last - first) * age;
  const events: DemoEvent[] = [];
  const add = (feature: Feature, timeMs: number) =>
    events.push(makeEvent(feature, `demo-${date}-${String(events.length).padStart(5, '0')}`, timeMs, teams, random));
  for (let i = 0; i < count; i++) add(pick(FEATURES, weight, random), timeOf(dayMs, random));
  if (daysAgo === ANOMALY.daysAgo) {
    const feature = FEATURES.find(({ name }) => name === ANOMALY.feature) as Feature;
    const usual = (count * weight(feature)) / FEATURES.reduce((sum, one) => sum + weight(one), 0);
    for (let i = 0; i < usual * ANOMALY.factor; i++) {
      add(feature, dayMs + ANOMALY.hour * 3_600_000 + Math.floor(random() * 3_600_000));
    }
  }
  return events;
}

/**
 * Makes the usage of the sixty days before the first run, and of the days since, until `nowMs`. The
 * usage of a day depends on that day and the day of the first run, so a later run makes the same
 * events and those that came since. The last DAYS days are the range.
 */
export function makeDemoUsage(firstRunMs: number, nowMs: number, teams: readonly DemoTeam[]): DemoUsage {
  const firstRunDay = Math.floor(firstRunMs / DAY_MS) * DAY_MS;
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const first = firstRunDay - DAYS * DAY_MS;
  const days = Array.from({ length: (today - first) / DAY_MS + 1 }, (_, i) => first + i * DAY_MS);
  const now = new Date(nowMs).toISOString();
  const date = (ms: number) => new Date(ms).toISOString().replace('.000', '');
  return {
    events: days.flatMap((day) => makeDay(day, firstRunDay, teams)).filter(({ timestamp }) => timestamp <= now),
    start: date(today - DAYS * DAY_MS),
    end: date(today + DAY_MS),
  };
}
