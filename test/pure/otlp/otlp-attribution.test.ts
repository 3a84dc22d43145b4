import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import type { SpanUsage } from '../../../src/domain/otlp/span/genai-span.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import { encodeRequest, type Plain, type TestSpan, toRequest } from './otlp-request.ts';

// Who a call is charged to: what the span, the spans around it and its resource say.

const CALL = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 100,
  'gen_ai.usage.output_tokens': 10,
};
const OUTER = '00000000000000aa';
const MIDDLE = '00000000000000ab';
const TEAM = 'team_01h455vb4pex5vsknk084sn02q';

/** The event of one call, with what else its span, the spans around it and its resource say. */
function eventOf(
  own: Record<string, Plain>,
  { around = {}, middle = {}, resource = {} }: Record<string, Record<string, Plain>> = {},
): SpanUsage['event'] {
  const spans: TestSpan[] = [
    { parentSpanId: MIDDLE, attributes: { ...CALL, ...own } },
    { spanId: MIDDLE, parentSpanId: OUTER, name: 'step', attributes: middle },
    { spanId: OUTER, name: 'GET /', attributes: around },
  ];
  const { events } = collectSpanUsage(decodeOtlp(encodeRequest(toRequest(spans, resource), 'json'), 'json'));
  expect(events).toHaveLength(1);
  return (events[0] as SpanUsage).event;
}

describe('the team', () => {
  test.each<[string, SpanUsage['event']]>([
    ['the span', eventOf({ 'meterr.team_id': TEAM }, { around: { 'meterr.team_id': 'team_b' } })],
    ['a span around it', eventOf({}, { around: { 'meterr.team_id': TEAM }, resource: { 'meterr.team_id': 'team_b' } })],
    ['its resource', eventOf({}, { resource: { 'meterr.team_id': TEAM } })],
  ])('is that of %s', (_, event) => {
    expect(event.teamId).toBe(TEAM);
    expect(event.telemetry.isTeamOptional).toBe(true);
  });
});

describe('the user', () => {
  test.each<[string, Record<string, Plain>, string]>([
    [
      'an address before an anonymous id',
      { 'user.id': 'a'.repeat(64), 'user.email': 'ann@example.invalid' },
      'ann@example.invalid',
    ],
    ['of Langfuse', { 'langfuse.user.id': 'u-1' }, 'u-1'],
    ['of an application', { 'enduser.id': 'u-2', 'user.id': 'install-7' }, 'u-2'],
    ['of Qwen Code', { 'gen_ai.user.id': 'u-3' }, 'u-3'],
    ['as a number', { 'user.id': 4711 }, '4711'],
    ['of the Vercel AI SDK', { 'ai.telemetry.metadata.userId': 'u-5' }, 'u-5'],
    ['of OpenLLMetry', { 'traceloop.association.properties.user_id': 'u-6' }, 'u-6'],
    ['of Copilot', { 'enduser.pseudo.id': 'u-8' }, 'u-8'],
    ['of LiteLLM', { 'metadata.user_api_key_end_user_id': 'u-7' }, 'u-7'],
  ])('%s', (_, attributes, userId) => {
    expect(eventOf(attributes).userId).toBe(userId);
    expect(eventOf({}, { around: attributes }).userId).toBe(userId);
    expect(eventOf({}, { resource: attributes }).userId).toBe(userId);
  });

  test('of the span comes before that of a span around it', () => {
    const event = eventOf({ 'user.id': 'inner' }, { middle: { 'user.id': 'middle' }, around: { 'user.id': 'outer' } });
    expect(event.userId).toBe('inner');
    expect(eventOf({}, { middle: { 'user.id': 'middle' }, around: { 'user.id': 'outer' } }).userId).toBe('middle');
  });
});

describe('the session', () => {
  test.each(
    [
      ['session.id', 'gen_ai.conversation.id', 'langfuse.session.id', 'thread.id', 'conversation.id'],
      ['ai.telemetry.metadata.sessionId', 'traceloop.association.properties.session_id'],
      ['traceloop.association.properties.thread_id', 'ai.telemetry.metadata.conversationId'],
    ].flat(),
  )('%s is in the metadata, never a tag', (name) => {
    for (const event of [eventOf({ [name]: 's-1' }), eventOf({}, { around: { [name]: 's-1' } })]) {
      expect(event.metadata).toMatchObject({ session: 's-1' });
      expect(event.tags).toEqual({});
    }
  });
});

describe('tags', () => {
  test('meterr.tag.KEY is the tag KEY, wherever it stands; the nearest wins', () => {
    const event = eventOf(
      { 'meterr.tag.feature': 'chat', 'meterr.tag.a.b': 'c' },
      {
        middle: { 'meterr.tag.feature': 'search', 'meterr.tag.step': 2 },
        resource: { 'meterr.tag.region': 'eu', 'meterr.tag.feature': 'none', 'service.name': 'shop' },
      },
    );
    expect(event.tags).toEqual({ service: 'shop', feature: 'chat', 'a.b': 'c', step: '2', region: 'eu' });
  });

  test('metadata of frameworks become tags of their last name', () => {
    const event = eventOf({
      'ai.telemetry.metadata.plan': 'pro',
      'ai.telemetry.metadata.beta': true,
      'traceloop.association.properties.customer': 'acme',
      'langfuse.trace.metadata.tenant': 't-1',
      'langfuse.observation.metadata.attempt': 2,
      'team.id': 'search',
      cost_center: 'cc-7',
      department: 'r&d',
    });
    expect(event.tags).toEqual({
      team: 'search',
      cost_center: 'cc-7',
      department: 'r&d',
      plan: 'pro',
      beta: 'true',
      customer: 'acme',
      tenant: 't-1',
      attempt: '2',
    });
  });

  test('what has a value of its own for each call is none, and no content either', () => {
    const prefix = 'ai.telemetry.metadata.';
    const names = ['userId', 'user_id', 'sessionId', 'thread_id', 'requestId', 'trace-id', 'messageId', 'run_id'];
    const attributes = Object.fromEntries(names.map((name) => [prefix + name, 'x']));
    const json = { [`${prefix}options`]: '{"a":1}', [`${prefix}list`]: '["a"]', [`${prefix}empty`]: '' };
    expect(eventOf({ ...attributes, ...json }).tags).toEqual({});
  });

  test('are as many as an event may have: the usual ones and Meterr’s own come first', () => {
    const many = (prefix: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}k${i}`, `${i}`]));
    const event = eventOf(
      { ...many('ai.telemetry.metadata.', 40), 'gen_ai.agent.name': 'buyer', cost_center: 'cc-7' },
      { resource: { 'service.name': 'shop', 'deployment.environment': 'prod', 'meterr.tag.own': 'yes' } },
    );
    const names = Object.keys(event.tags as object);
    expect(names).toHaveLength(32);
    expect(names.slice(0, 6)).toEqual(['service', 'env', 'agent', 'own', 'cost_center', 'k0']);
  });

  test('too long ones are cut, and nothing that PostgreSQL cannot store is kept', () => {
    const event = eventOf({ [`meterr.tag.${'k'.repeat(100)}`]: `a\0${'😀'.repeat(200)}`, 'meterr.tag.__proto__': 'p' });
    const [[key = '', value = ''] = [], proto] = Object.entries(event.tags as Record<string, string>);
    expect([key.length, value.length, value.isWellFormed()]).toEqual([64, 255, true]);
    expect(proto).toEqual(['__proto__', 'p']);
  });
});
