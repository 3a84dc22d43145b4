import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { EXPORTER_REQUEST } from '../../pure/otlp/otlp-exporter-fixture.ts';
import {
  encodeRequest,
  type Plain,
  ResponseType,
  RpcStatusType,
  SECRET,
  type TestSpan,
  toRequest,
} from '../../pure/otlp/otlp-request.ts';

// POST /v1/traces as OpenTelemetry's exporters use it; what spans mean is proved in
// test/pure/otlp.

const meterr = useTestApp({ now: '2026-11-22T11:00:00.000Z' });
const CONTENT_TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const;
type Encoding = keyof typeof CONTENT_TYPES;
const ENCODINGS = ['json', 'protobuf'] as const;
const SPAN_TIME = { start: '1795341600000000000', end: '1795341601250000000' };

const CALL = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 1000,
  'gen_ai.usage.output_tokens': 500,
};
const spanId = (number: number) => (number + 1).toString(16).padStart(16, '0');
const spans = (count: number): TestSpan[] =>
  Array.from({ length: count }, (_, i) => ({ ...SPAN_TIME, spanId: spanId(i), attributes: CALL }));

interface Sent {
  status: number;
  type: string | null;
  /** The answer as its own encoding has it; of a failure, its Status. */
  content: { partialSuccess?: { rejectedSpans: string; errorMessage: string }; code?: number; message?: string };
  headers: Headers;
}

/** Sends what is given as it is, and reads the answer by its own content type. */
async function send(
  body: Uint8Array,
  encoding: Encoding,
  { key, path = '/v1/traces', ...more }: { key?: string | null; path?: string } & Record<string, unknown> = {},
): Promise<Sent> {
  const secret = key === undefined ? meterr().adminKey : key;
  const headers = {
    ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    'content-type': CONTENT_TYPES[encoding],
    ...(more as Record<string, string>),
  };
  const response = await meterr().fetch(path, { method: 'POST', headers, body: new Uint8Array(body) });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const type = response.headers.get('content-type');
  const message = response.ok ? ResponseType : RpcStatusType;
  const content =
    type === CONTENT_TYPES.protobuf
      ? message.toObject(message.decode(bytes), { longs: String })
      : JSON.parse(new TextDecoder().decode(bytes));
  return { status: response.status, type, content, headers: response.headers };
}

async function eventsOf(key: string): Promise<UsageEventAnswer[]> {
  return (await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history?limit=1000', { key })).data;
}

async function makeReceiver(): Promise<{ key: string; uuid: string }> {
  const { key, uuid } = await makeOrganization(meterr());
  return { key: key.secret, uuid };
}

it('takes what the real exporter sends: the good call is recorded, the bad one told, the rest ignored', async () => {
  const { key, uuid } = await makeReceiver();
  const first = await send(EXPORTER_REQUEST, 'protobuf', { key });
  expect(first).toMatchObject({
    status: 200,
    type: CONTENT_TYPES.protobuf,
    content: { partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('131f2a11e838ac7b') } },
  });
  expect(await eventsOf(key)).toMatchObject([
    {
      event_id: '88739243c468ed1a80dfab997e5e1275:dd11ec47c6fae6cb',
      provider: 'openai',
      model: 'gpt-4o-2024-08-06',
      input_tokens: 1200,
      output_tokens: 310,
      tags: { service: 'shop', env: 'prod' },
      // 176 plain at 2.5, 1,024 from the cache at 1.25, 310 out at 10, for a million.
      cost: '0.00482',
      cost_source: 'catalog',
    },
  ]);
  const { rows } = await meterr().sql.query(
    'SELECT to_jsonb(e)::text AS event FROM usage_events e WHERE organization_id = $1',
    [uuid],
  );
  expect(rows).toHaveLength(1);
  expect(rows[0].event).not.toContain('SECRET');
});

it('a span sent again is the same event, in either encoding, gzip or plain', async () => {
  const { key } = await makeReceiver();
  const request = toRequest(spans(3));
  for (const encoding of ENCODINGS) {
    const body = encodeRequest(request, encoding);
    for (const [bytes, headers] of [
      [body, {}],
      [gzipSync(body), { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await send(bytes, encoding, { key, ...headers });
      expect(answer).toMatchObject({ status: 200, type: CONTENT_TYPES[encoding], content: {} });
      expect(answer.content.partialSuccess).toBeUndefined();
    }
  }
  const events = await eventsOf(key);
  expect(events.map(({ event_id }) => event_id).sort()).toEqual(
    [0, 1, 2].map((i) => `9c1f3e0a7b524d68a1e2c3d4f5061728:${spanId(i)}`),
  );
  expect(events.every(({ timestamp }) => timestamp === '2026-11-22T10:00:01.250Z')).toBe(true);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

it.each(ENCODINGS)(
  'a span of the same id that tells other numbers is told in the partial success (%s)',
  async (encoding) => {
    const { key } = await makeReceiver();
    await send(encodeRequest(toRequest(spans(1)), encoding), encoding, { key });
    const [span] = spans(1);
    const other = { ...span, attributes: { ...CALL, 'gen_ai.usage.output_tokens': 501 } } as TestSpan;
    const { status, content } = await send(
      encodeRequest(toRequest([other, ...spans(2).slice(1)]), encoding),
      encoding,
      {
        key,
      },
    );
    expect({ status, rejected: content.partialSuccess?.rejectedSpans }).toEqual({ status: 200, rejected: '1' });
    expect(content.partialSuccess?.errorMessage).toContain(spanId(0));
    expect(await eventsOf(key)).toHaveLength(2);
  },
);

/** Sends spans as JSON, and answers with what is said of them. */
async function exportSpans(key: string, given: TestSpan[], resource: Record<string, Plain> = {}) {
  const { status, content } = await send(encodeRequest(toRequest(given, resource), 'json'), 'json', { key });
  expect(status).toBe(200);
  return content.partialSuccess;
}

it('a span sent again with other resource attributes is the same event, and no alarm', async () => {
  const { key } = await makeReceiver();
  expect(await exportSpans(key, spans(2), { 'service.name': 'shop' })).toBeUndefined();
  const more = {
    'service.name': 'shop-eu',
    'deployment.environment': 'prod',
    'meterr.tag.added': 'yes',
    'user.id': 'u',
  };
  expect(await exportSpans(key, spans(2), more)).toBeUndefined();
  expect((await eventsOf(key)).map(({ tags }) => tags)).toEqual([{ service: 'shop' }, { service: 'shop' }]);
});

it('an answer that several exports tell of is one event, by the id that its provider gave it', async () => {
  const { key } = await makeReceiver();
  const attributes = { ...CALL, 'gen_ai.response.id': 'chatcmpl-Aq7ZwA3x' };
  const [inner, wrapper] = spans(2).map((span) => ({ ...span, attributes }));
  const elsewhere = { ...inner, traceId: '1'.repeat(32), spanId: spanId(7) } as TestSpan;
  for (const span of [inner, wrapper, elsewhere]) expect(await exportSpans(key, [span as TestSpan])).toBeUndefined();
  expect(await eventsOf(key)).toMatchObject([{ response_id: 'chatcmpl-Aq7ZwA3x', cost: '0.0075' }]);
});

it('a call without counts is a request without a cost, and is told of without a rejection', async () => {
  const { key } = await makeReceiver();
  const { 'gen_ai.usage.input_tokens': _, 'gen_ai.usage.output_tokens': __, ...mute } = CALL;
  const [span, good] = spans(2);
  const partial = await exportSpans(key, [{ ...span, attributes: mute } as TestSpan, good as TestSpan]);
  expect(partial).toMatchObject({ rejectedSpans: '0', errorMessage: expect.stringMatching(/^1 call told no tokens/) });
  expect(partial?.errorMessage).toContain(spanId(0));
  const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key });
  expect(totals).toMatchObject({ requests: 2, unpriced_requests: 1, input_tokens: 1_000, cost: '0.0075' });
  const event = (await eventsOf(key)).find(({ event_id }) => event_id?.endsWith(spanId(0)));
  expect(event).toMatchObject({ cost: null, unpriced_reason: 'no_usage_reported', input_tokens: 0 });
});

it('a call without counts does not hide what another span tells of its answer, whichever comes first', async () => {
  const { 'gen_ai.usage.input_tokens': _, 'gen_ai.usage.output_tokens': __, ...mute } = CALL;
  const of = (number: number, attributes: Record<string, Plain>): TestSpan => ({
    ...SPAN_TIME,
    spanId: spanId(number),
    attributes: { ...attributes, 'gen_ai.response.id': 'chatcmpl-Aq7ZwA3x' },
  });
  const first = await makeReceiver();
  await exportSpans(first.key, [of(1, mute)]);
  await exportSpans(first.key, [of(2, CALL)]);
  expect((await eventsOf(first.key)).map(({ cost }) => cost)).toEqual(expect.arrayContaining([null, '0.0075']));
  const second = await makeReceiver();
  await exportSpans(second.key, [of(1, CALL)]);
  expect(await exportSpans(second.key, [of(2, mute)])).toBeUndefined();
  expect(await eventsOf(second.key)).toMatchObject([{ cost: '0.0075' }]);
});

it('what a gateway had in its cache is a request that costs nothing', async () => {
  const { key } = await makeReceiver();
  // It has the id of the answer that it repeats.
  const answered = { ...CALL, 'gen_ai.response.id': 'chatcmpl-Aq7ZwA3x' };
  const [call, hit] = spans(2).map((span, at) => ({
    ...span,
    attributes: at === 0 ? answered : { ...answered, 'litellm.cache_hit': true },
  }));
  await exportSpans(key, [call, hit] as TestSpan[]);
  const events = await eventsOf(key);
  expect(events.map(({ cost }) => cost).toSorted()).toEqual(['0', '0.0075']);
  expect(events.find(({ cost }) => cost === '0')).toMatchObject({ metadata: { cache_hit: 'true' } });
});

it('an API key whose spans leave cached tokens out of the input adds them', async () => {
  const { key } = await makeReceiver();
  const { secret } = await meterr().ok<{ secret: string }>('POST', '/v1/api-keys', {
    key,
    body: { name: 'Old spans', scopes: ['usage:write', 'usage:read'], otlp: { exclusive_input: true } },
  });
  const [span] = spans(1);
  await exportSpans(secret, [
    { ...span, attributes: { ...CALL, 'gen_ai.usage.cache_read.input_tokens': 400 } } as TestSpan,
  ]);
  expect(await eventsOf(secret)).toMatchObject([{ input_tokens: 1_400, cache_read_tokens: 400 }]);
});

describe('the team that a span names', () => {
  const naming = (team: string): TestSpan[] =>
    spans(1).map((span) => ({ ...span, attributes: { ...CALL, 'meterr.team_id': team } }));

  it('is charged', async () => {
    const { key, uuid } = await makeReceiver();
    const team = await makeTeam(meterr(), { uuid });
    expect(await exportSpans(key, naming(team.id))).toBeUndefined();
    expect(await eventsOf(key)).toMatchObject([{ team_id: team.id, warnings: [] }]);
  });

  it.each(['team_01h455vb4pex5vsknk084sn02q', 'search', 'x'.repeat(10_000)])(
    'is left out where the API key may not charge it, and told of: %#',
    async (name) => {
      const { key } = await makeReceiver();
      const partial = await exportSpans(key, naming(name));
      expect(partial?.rejectedSpans).toBe('0');
      expect(partial?.errorMessage).toContain(name.slice(0, 40));
      expect(partial?.errorMessage.length).toBeLessThan(500);
      expect(await eventsOf(key)).toMatchObject([{ team_id: null, cost: '0.0075', warnings: [expect.any(String)] }]);
    },
  );

  it('is another organization’s: it is as unknown as one that does not exist', async () => {
    const { key } = await makeReceiver();
    const other = await makeOrganization(meterr());
    const team = await makeTeam(meterr(), other);
    expect((await exportSpans(key, naming(team.id)))?.errorMessage).toContain(team.id);
    expect(await eventsOf(key)).toMatchObject([{ team_id: null }]);
  });

  it('never wins over that of a team-bound key', async () => {
    const { uuid } = await makeReceiver();
    const [own, other] = [await makeTeam(meterr(), { uuid }), await makeTeam(meterr(), { uuid })];
    const { secret } = await makeKey(meterr(), { uuid }, { scopes: ['usage:write', 'usage:read'], team: own });
    expect((await exportSpans(secret, naming(other.id)))?.errorMessage).toContain(other.id);
    expect(await eventsOf(secret)).toMatchObject([{ team_id: own.id, warnings: [expect.any(String)] }]);
  });
});

describe.each(['logs', 'metrics'])('/v1/%s is answered and dropped', (signal) => {
  const path = `/v1/${signal}`;
  it.each(ENCODINGS)('in %s, gzip or plain, whatever it holds', async (encoding) => {
    const body = new TextEncoder().encode(encoding === 'json' ? `{"resource${signal}":[{"a":1}]}` : 'anything');
    for (const [bytes, headers] of [
      [body, {}],
      [gzipSync(body), { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await send(bytes, encoding, { path, ...headers });
      expect(answer).toMatchObject({ status: 200, type: CONTENT_TYPES[encoding], content: {} });
    }
  });

  it('fails as traces do: no key, no scope, another type, too large', async () => {
    const { secret } = await makeKey(meterr(), meterr().organization, { scopes: ['usage:read'] });
    const body = new TextEncoder().encode('{}');
    const large = gzipSync(Buffer.alloc(11 * 1_048_576));
    expect(await send(body, 'json', { path, key: null })).toMatchObject({ status: 401, content: { code: 16 } });
    expect(await send(body, 'json', { path, key: secret })).toMatchObject({ status: 403, content: { code: 7 } });
    expect(await send(body, 'json', { path, 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(await send(large, 'protobuf', { path, 'content-encoding': 'gzip' })).toMatchObject({ status: 413 });
  });
});

it('names five of many rejected spans, and counts all', async () => {
  const { key } = await makeReceiver();
  const bad = spans(8).map((span) => ({ ...span, attributes: { ...CALL, 'gen_ai.usage.input_tokens': -1 } }));
  const { content } = await send(encodeRequest(toRequest(bad), 'json'), 'json', { key });
  expect(content.partialSuccess?.rejectedSpans).toBe('8');
  expect(content.partialSuccess?.errorMessage).toMatch(/and 3 more$/);
  expect(await eventsOf(key)).toEqual([]);
});

it('takes more spans at once than a batch has events', async () => {
  const { key } = await makeReceiver();
  const body = gzipSync(encodeRequest(toRequest(spans(2_300)), 'protobuf'));
  const { status, content } = await send(body, 'protobuf', { key, 'content-encoding': 'gzip' });
  expect({ status, content }).toEqual({ status: 200, content: {} });
  const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key });
  expect(totals).toMatchObject({ requests: 2_300, cost: '17.25' });
});

it.each(ENCODINGS)('an export of nothing is accepted (%s)', async (encoding) => {
  const body = encodeRequest({ resourceSpans: [] }, encoding);
  expect(await send(body, encoding)).toMatchObject({ status: 200, content: {} });
});

describe('a failure is a google.rpc.Status in the request’s own encoding', () => {
  const NOT_GZIP = { 'content-encoding': 'gzip' };
  const text = (value: string) => new TextEncoder().encode(value);
  const cases: [string, Uint8Array, Record<string, string | null>, number, number][] = [
    ['no such body', text('\u0007{"resourceSpans"'), {}, 400, 3],
    ['no gzip', text('{}'), NOT_GZIP, 400, 3],
    ['another coding', text('{}'), { 'content-encoding': 'br' }, 415, 3],
    ['no key', text('{}'), { key: null }, 401, 16],
    ['a wrong key', text('{}'), { key: `mtr_live_${'a'.repeat(40)}` }, 401, 16],
    ['too many bytes', gzipSync(Buffer.alloc(11 * 1_048_576)), { 'content-encoding': 'gzip' }, 413, 8],
  ];

  describe.each(ENCODINGS)('%s', (encoding) => {
    it.each(cases)('%s', async (_, body, options, status, code) => {
      const answer = await send(body, encoding, options);
      expect(answer).toMatchObject({ status, type: CONTENT_TYPES[encoding], content: { code } });
      expect(answer.content.message).toMatch(/\w/);
      expect(answer.headers.get('x-request-id')).toMatch(/\w/);
    });

    it('a key that may not record', async () => {
      const { secret } = await makeKey(meterr(), meterr().organization, { scopes: ['usage:read'] });
      for (const request of [toRequest(spans(1)), { resourceSpans: [] }]) {
        const answer = await send(encodeRequest(request, encoding), encoding, { key: secret });
        expect(answer).toMatchObject({ status: 403, content: { code: 7 } });
      }
    });
  });

  it('another media type: as JSON', async () => {
    const answer = await send(new TextEncoder().encode('hello'), 'json', { 'content-type': 'text/plain' });
    expect(answer).toMatchObject({ status: 415, type: 'application/json', content: { code: 3 } });
    expect(answer.content.message).toContain('application/x-protobuf');
  });
});
