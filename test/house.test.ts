import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { getDatamodel } from '../prisma/generated/pothos-types.ts';

const ROOT = join(import.meta.dirname, '..');

interface Import {
  /** Relative to the root (`src/app.ts`), or a package's name. */
  target: string;
  /** Whether it exists while the program runs. */
  runtime: boolean;
  /** What is taken from there by name, types left out. */
  names: string[];
}

interface SourceFile {
  path: string;
  text: string;
  imports: Import[];
}

const IMPORT = /^(import|export)\s+(type\s+)?([^'";]*?)\s*(?:from\s+)?'([^']+)';/gm;
const DYNAMIC_IMPORT = /\bimport\('([^']+)'\)/g;

/** The names in a clause such as `{ a, type B, c as d }`; null where it is of another form. */
function namesIn(clause: string): string[] | null {
  const list = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1];
  return (
    list
      ?.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '') ?? null
  );
}

function isType(name: string): boolean {
  return name.startsWith('type ');
}

function importsOf(path: string, text: string): Import[] {
  const resolve = (specifier: string) =>
    specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
  return [
    ...[...text.matchAll(IMPORT)].map(([, , type, clause = '', specifier = '']) => {
      const names = namesIn(clause);
      const runtime = !type && !(names?.every(isType) ?? false);
      return {
        target: resolve(specifier),
        runtime,
        names: runtime ? (names ?? []).filter((name) => !isType(name)) : [],
      };
    }),
    ...[...text.matchAll(DYNAMIC_IMPORT)].map(([, specifier = '']) => ({
      target: resolve(specifier),
      runtime: true,
      names: [],
    })),
  ];
}

async function readSources(folder: string): Promise<SourceFile[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const paths = names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
  return Promise.all(
    paths.sort().map(async (path) => {
      const text = await readFile(join(ROOT, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    }),
  );
}

const files = await readSources('src');
const inFolder = (folder: string) => files.filter(({ path }) => path.startsWith(`src/${folder}/`));
/** Without its comments, nearly: a `//` inside a text ends it too. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
/** `usage` of `src/domain/usage/record-usage.ts`. */
const nounOf = (path: string) => path.split('/')[2] ?? '';

/** `a.ts imports b.ts`, for each import that `isWrong`. */
function wrongImports(from: readonly SourceFile[], isWrong: (target: string, file: SourceFile) => boolean): string[] {
  return from.flatMap((file) =>
    file.imports.filter(({ target }) => isWrong(target, file)).map(({ target }) => `${file.path} imports ${target}`),
  );
}

/**
 * Every verb takes the context, and it names what lives as long as the process: its types point up.
 */
const KNOT = 'src/domain/context.ts';

/** The circles of a graph, each as `a -> b -> a`. */
function findCircles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (node: string, trail: string[]) => {
    const at = trail.indexOf(node);
    if (at >= 0) return void circles.push([...trail.slice(at), node].join(' -> '));
    if (done.has(node)) return;
    for (const target of edges.get(node) ?? []) if (edges.has(target)) visit(target, [...trail, node]);
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return circles;
}

it('the reader of imports sees them all', () => {
  expect(files.length).toBeGreaterThan(100);
  const count = files.reduce((sum, { text }) => sum + (text.match(/^import /gm)?.length ?? 0), 0);
  const read = files.reduce(
    (sum, { text }) => sum + [...text.matchAll(IMPORT)].filter(([, word]) => word === 'import').length,
    0,
  );
  expect(read).toBe(count);
});

describe('who may import whom', () => {
  it('nobody imports app or main; main and its start import app, config and the platform', () => {
    const others = files.filter(({ path }) => path !== 'src/main.ts' && path !== 'src/start.ts');
    expect(wrongImports(others, (target) => /^src\/(app|main|start)\.ts$/.test(target))).toEqual([]);
  });

  it('the domain imports no door, and nothing of HTTP or GraphQL', () => {
    const packages = /^(graphql|graphql-yoga|graphql-jit|graphql-ws|@pothos\/.*|hono|@hono\/.*|gql\.tada|ws)$/;
    const isWrong = (target: string) => /^src\/(graphql|rest|app|server|main)\b/.test(target) || packages.test(target);
    expect(wrongImports(inFolder('domain'), isWrong)).toEqual([]);
    expect(
      inFolder('domain')
        .filter(({ text }) => /\b(Request|Response)\b(?!Id)/.test(codeOf(text)))
        .map(({ path }) => path),
    ).toEqual([]);
  });

  it('the platform imports the platform only', () => {
    const isWrong = (target: string) => target.startsWith('src/') && !target.startsWith('src/platform/');
    expect(wrongImports(inFolder('platform'), isWrong)).toEqual([]);
  });

  it('GraphQL imports the domain and the platform, never REST', () => {
    expect(wrongImports(inFolder('graphql'), (target) => /^src\/(rest|pages)\//.test(target))).toEqual([]);
  });

  it('pages import verbs, the platform, and of the doors what translates errors', () => {
    const isWrong = (target: string) =>
      target !== 'src/graphql/builder/errors.ts' &&
      (/^src\/(graphql|rest)\//.test(target) || target === 'src/platform/postgres/database.ts');
    expect(wrongImports(inFolder('pages'), isWrong)).toEqual([]);
  });

  it('the command line is a client: it imports nothing of the server, its parser and the client of subscriptions, and nobody imports it', async () => {
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const packages = new Set(Object.keys(dependencies));
    const own = new Set(['commander', 'graphql-ws']);
    const isWrong = (target: string) =>
      /^(src|prisma)\//.test(target) ? !target.startsWith('src/cli/') : packages.has(target);
    expect(wrongImports(inFolder('cli'), (target) => isWrong(target) && !own.has(target))).toEqual([]);
    const others = files.filter(({ path }) => !path.startsWith('src/cli/'));
    expect(wrongImports(others, (target) => target.startsWith('src/cli/') || target === 'commander')).toEqual([]);
  });

  it('REST imports of GraphQL its schema, what executes and what translates errors, and no domain verb or database', () => {
    const ALLOWED = ['src/graphql/server/execute.ts', 'src/graphql/builder/errors.ts'];
    // What REST derives, it derives from the schema, and that in its machinery alone.
    const isSchema = (target: string, { path }: SourceFile) =>
      target === 'src/graphql/schema.ts' && path.startsWith('src/rest/http/');
    const isGraphQL = (target: string, file: SourceFile) =>
      target.startsWith('src/graphql/') && !ALLOWED.includes(target) && !isSchema(target, file);
    expect(wrongImports(inFolder('rest'), isGraphQL)).toEqual([]);
    // Of the domain: constants, who is at the door, and OTLP's own encoding.
    const MAY_BE_CALLED = /^src\/domain\/(access\/(admit|run-once)|otlp\/wire\/[a-z-]+)\.ts$/;
    // The two exceptions: what spans say of a call is offered by no input of GraphQL (decision 0065), and
    // a file of any size by no answer of it (decision 0077).
    const isOtlpVerb = (target: string, path: string) =>
      path === 'src/rest/usage/traces.ts' && /^src\/domain\/otlp\/(record-spans|drop-telemetry)\.ts$/.test(target);
    const isExport = (target: string, path: string) =>
      path === 'src/rest/costs/export-costs.ts' && target === 'src/domain/costs/focus/export-costs.ts';
    const isVerb = (target: string, { path, imports }: SourceFile) =>
      target.startsWith('src/domain/') &&
      !MAY_BE_CALLED.test(target) &&
      !isOtlpVerb(target, path) &&
      !isExport(target, path) &&
      imports.some((one) => one.target === target && one.names.some((name) => !/^[A-Z][A-Z0-9_]*$/.test(name)));
    expect(wrongImports(inFolder('rest'), isVerb)).toEqual([]);
    const database = /^(pg|@prisma\/.*|src\/platform\/postgres\/database\.ts|prisma\/generated\/client.*)$/;
    expect(wrongImports(inFolder('rest'), (target) => database.test(target))).toEqual([]);
  });

  it('within the domain arrows point down: a folder imports lower floors only, types counted', () => {
    const FLOORS = [
      ['input'],
      ['access'],
      ['audit'],
      ['organizations', 'teams', 'event-log', 'pricing'],
      ['members', 'api-keys', 'budgets', 'credits', 'webhooks', 'jobs'],
      // A hold prices the worst case of a call as an event is priced, so it stands above usage, and
      // usage knows it by id.
      ['usage'],
      ['holds', 'costs', 'anomalies', 'otlp', 'providers', 'live'],
      // Its amounts can be had in other currencies, as those of costs.
      ['forecast'],
    ];
    const floorOf = (path: string) => FLOORS.findIndex((nouns) => nouns.includes(nounOf(path)));
    const inNouns = inFolder('domain').filter(({ path }) => path.split('/').length > 3);
    expect(inNouns.filter(({ path }) => floorOf(path) < 0).map(({ path }) => path)).toEqual([]);
    // The context is the one knot: every verb takes it, and it names what lives as long as the
    // process.
    const isWrong = (target: string, { path }: SourceFile) =>
      target.startsWith('src/domain/') &&
      target !== 'src/domain/context.ts' &&
      nounOf(target) !== nounOf(path) &&
      floorOf(target) >= floorOf(path);
    expect(wrongImports(inNouns, isWrong)).toEqual([]);
  });

  it.each([
    ['rate-limiter-flexible', ['src/platform/rate-limits/count-store.ts']],
    ['ioredis', ['src/platform/redis.ts']],
    ['graphile-worker', ['src/platform/postgres/jobs.ts']],
    ['prisma/generated/client/client.ts', ['src/platform/postgres/database.ts']],
    ['pino', ['src/platform/log.ts']],
    ['nodemailer', ['src/platform/mail/mailer.ts']],
    ['undici', ['src/platform/outbound-http/outbound-http.ts']],
  ])('%s is known to one file', (name, allowed) => {
    const users = files.filter(({ imports }) => imports.some(({ target, runtime }) => target === name && runtime));
    expect(users.map(({ path }) => path)).toEqual(users.length === 0 ? [] : allowed);
  });

  it('pg runs in the platform only', () => {
    const users = files.filter(({ imports }) => imports.some(({ target, runtime }) => target === 'pg' && runtime));
    expect(users.filter(({ path }) => !path.startsWith('src/platform/')).map(({ path }) => path)).toEqual([]);
  });

  it('there is no circle between files, types counted', () => {
    const edges = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
    edges.set(KNOT, []);
    expect(findCircles(edges)).toEqual([]);
  });

  it('there is no circle between folders, types counted', () => {
    // The files of src itself start the process and join everything; config.ts is read by all.
    const isCounted = (path: string) => path.startsWith('src/') && path !== KNOT && dirname(path) !== 'src';
    const edges = new Map<string, string[]>();
    for (const { path, imports } of files.filter((file) => isCounted(file.path))) {
      const folder = dirname(path);
      const folders = imports
        .map(({ target }) => target)
        .filter(isCounted)
        .map((target) => dirname(target));
      edges.set(folder, [...(edges.get(folder) ?? []), ...folders.filter((other) => other !== folder)]);
    }
    expect(findCircles(edges)).toEqual([]);
  });

  it('every import that begins with a dot leads to a file', () => {
    const known = new Set(files.map(({ path }) => path));
    const isWrong = (target: string) => target.startsWith('src/') && !known.has(target);
    expect(wrongImports(files, isWrong)).toEqual([]);
  });
});

describe('style', () => {
  it('the environment is read in config.ts only, and by the command line in its settings', () => {
    const readers = files.filter(({ text }) => /\bprocess\.env\b/.test(text)).map(({ path }) => path);
    // The command line has settings of its own: it runs where no server does. HOME is only set.
    expect(readers).toEqual(['src/cli/session/settings.ts', 'src/config.ts', 'src/platform/process/home.ts']);
  });

  it('signals and exits are of the start alone', () => {
    const users = files.filter(({ text }) => /\bprocess\.(on|once|exit)\(/.test(text)).map(({ path }) => path);
    // Commands of their own, beside the server: `npm run verify`, `backup` and `restore`, and `npm run meterr`.
    const COMMANDS = ['src/run-command.ts', 'src/cli/main.ts'];
    expect(users.filter((path) => !COMMANDS.includes(path))).toEqual([
      'src/platform/process/stop-signals.ts',
      'src/start.ts',
    ]);
  });

  it('files are short: none over 300 lines, nine of ten within 180, half within 70', () => {
    const lengths = files.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }));
    lengths.sort((a, b) => a.lines - b.lines);
    expect(lengths.filter(({ lines }) => lines > 300)).toEqual([]);
    expect(lengths[Math.floor(lengths.length * 0.9)]?.lines).toBeLessThanOrEqual(180);
    expect(lengths[Math.floor(lengths.length * 0.5)]?.lines).toBeLessThanOrEqual(70);
  });

  it('no folder holds more than 16 files', () => {
    const counts = new Map<string, number>();
    for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > 16)).toEqual([]);
  });

  it('names are kebab-case and say what is inside', () => {
    const FORBIDDEN =
      /^(utils?|helpers?|common|manager|service|index|misc|shared|lib)$|-(utils?|helpers?|manager|service)$/;
    const names = files.flatMap(({ path }) => [basename(path, '.ts'), ...dirname(path).split('/').slice(1)]);
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
    expect(names.filter((name) => FORBIDDEN.test(name))).toEqual([]);
  });

  it('there are no default exports, no any, no casts to silence', () => {
    const withText = (pattern: RegExp) => files.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
    const inCode = (pattern: RegExp) => files.filter(({ text }) => pattern.test(codeOf(text))).map(({ path }) => path);
    expect(withText(/^export default\b/m)).toEqual([]);
    expect(inCode(/\bas any\b|: any\b|<any>/)).toEqual([]);
    expect(withText(/@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore/)).toEqual([]);
  });

  it('a string from a caller never indexes a plain object: tables are Maps, and `in` looks for a literal', () => {
    // Looked up by names of the schema, the platform or our own lists, never by a caller's.
    const BY_OUR_NAMES =
      /^(LEAVES|FREE_LEAVES|ANSWER_LEAVES|OWN_LEAVES|DETAILS|BODY_EXAMPLES|LISTS|WORDS|PACKAGES|DEFAULT_SETTINGS|CHECKS|TAGS|SPELLINGS)$/;
    const TABLE = /\bconst (\w+)(?:: (?:Readonly<|Partial<)*Record<string,[^=]*)? = \{/g;
    const tables = files.flatMap(({ path, text }) =>
      [...codeOf(text).matchAll(TABLE)]
        .filter(([line]) => line.includes('Record<string,'))
        .map(([, name = '']) => ({ path, name })),
    );
    const isIndexed = ({ path, name }: { path: string; name: string }) =>
      /^[A-Z]/.test(name) &&
      files.some(({ text, path: user }) => (user === path || text.includes(name)) && codeOf(text).includes(`${name}[`));
    expect(tables.length).toBeGreaterThan(5);
    expect(tables.filter((table) => isIndexed(table) && !BY_OUR_NAMES.test(table.name))).toEqual([]);
    const FOUND_IN = /(?<!\bfor \((?:const|let) \w+)(?<![\w'"`]\s*: .*)[\w)\]] in [a-zA-Z]\w*\b(?!['`])/;
    const users = files.flatMap(({ path, text }) =>
      codeOf(text)
        .replaceAll(/'[^'\n]*'|`[^`]*`/g, "''")
        .split('\n')
        .filter((line) => FOUND_IN.test(line) && !/for \(const \w+ in |\[\w+ in |Symbol\.\w+ in /.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(users).toEqual([]);
  });

  it('code is made of text nowhere', () => {
    expect(files.filter(({ text }) => /\bnew Function\b|\beval\(/.test(codeOf(text))).map(({ path }) => path)).toEqual(
      [],
    );
  });

  it('snake_case is spelled in one place: GraphQL and the domain never see it in a GraphQL name', () => {
    const named = inFolder('graphql').filter(({ text }) =>
      /t\.(arg|expose\w*|field|string|id)\w*\('[a-z]+_[a-z]/.test(text),
    );
    expect(named.map(({ path }) => path)).toEqual([]);
  });
});

describe('the tenant wall in the tables', () => {
  interface Field {
    name: string;
    isRequired: boolean;
    isId: boolean;
    isUnique: boolean;
  }
  interface Model {
    fields: readonly Field[];
    primaryKey: { fields: readonly string[] } | null;
    uniqueIndexes: readonly { fields: readonly string[] }[];
  }
  const { datamodel } = getDatamodel() as unknown as { datamodel: { models: Record<string, Model> } };
  const models = Object.entries(datamodel.models);
  /**
   * Of no tenant: the tenants themselves, the public catalog, counters whose key holds the tenant,
   * a mark of work.
   */
  const OF_NO_TENANT = ['Organization', 'CatalogVersion', 'CatalogEntry', 'PriceFeed', 'RateLimit', 'UsageFold'];
  /** An organization's own, or everyone's where it is null. */
  const OF_MAYBE_ONE = ['Price'];
  const tenants = models.filter(([name]) => !OF_NO_TENANT.includes(name));
  /** Few rows a tenant, found by an id, a secret's hash or a number of their own. */
  const NOT_GROWING = ['Team', 'Member', 'Invite', 'ApiKey', 'Price', 'OrganizationChange'];

  it('is looked at whole', () => {
    expect(models.length).toBeGreaterThan(10);
  });

  it.each(tenants)('%s bears organizationId', (name, { fields }) => {
    const field = fields.find((one) => one.name === 'organizationId');
    expect(field).toBeDefined();
    expect(field?.isRequired).toBe(!OF_MAYBE_ONE.includes(name));
  });

  it.each(tenants.filter(([name]) => !NOT_GROWING.includes(name)))('the keys of %s begin with it', (_, model) => {
    const single = model.fields.filter(({ isId, isUnique }) => isId || isUnique).map(({ name }) => [name]);
    const keys = [
      ...single,
      ...(model.primaryKey ? [model.primaryKey.fields] : []),
      ...model.uniqueIndexes.map(({ fields }) => fields),
    ];
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(key[0]).toBe('organizationId');
  });
});
