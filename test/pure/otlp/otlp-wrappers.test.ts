import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import { encodeRequest, type Plain, type TestSpan, toRequest } from './otlp-request.ts';

// A span around calls is no call of its own, whether it repeats one of them or adds them up.

function keptOf(...spans: TestSpan[]): string[] {
  const request = encodeRequest(toRequest(spans), 'json');
  return collectSpanUsage(decodeOtlp(request, 'json')).events.map(({ spanId }) => spanId.replace(/^0+/, ''));
}

/** A call named by the number of its span and of the one around it. */
function call(
  id: number,
  parent: number | null,
  input: number,
  output: number,
  more: Record<string, Plain> = {},
): TestSpan {
  const idOf = (number: number) => number.toString(16).padStart(16, '0');
  return {
    spanId: idOf(id),
    ...(parent === null ? {} : { parentSpanId: idOf(parent) }),
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.output_tokens': output,
      ...more,
    },
  };
}

/** One without any counts. */
function mute(id: number, parent: number | null): TestSpan {
  const { attributes, ...span } = call(id, parent, 0, 0);
  const { 'gen_ai.usage.input_tokens': _, 'gen_ai.usage.output_tokens': __, ...rest } = attributes;
  return { ...span, attributes: rest };
}

describe('a span whose counts are the sum of the calls inside it', () => {
  test('is left out, whatever order the spans come in and whatever is between', () => {
    const [outer, one, two] = [call(1, null, 300, 30), call(2, 4, 100, 10), call(3, 1, 200, 20)];
    const step = { ...call(4, 1, 0, 0), attributes: {} };
    expect(keptOf(outer, step, one, two)).toEqual(['2', '3']);
    expect(keptOf(two, one, step, outer)).toEqual(['3', '2']);
  });

  test('is left out at each level, also where a level repeats another', () => {
    const inner = [call(4, 3, 100, 10), call(5, 3, 200, 20), call(7, 6, 50, 5)];
    const levels = [call(1, null, 350, 35), call(2, 1, 350, 35), call(3, 2, 300, 30), call(6, 2, 50, 5)];
    expect(keptOf(...inner, ...levels)).toHaveLength(3);
    expect(keptOf(...levels, ...inner).filter((id) => ['4', '5'].includes(id))).toHaveLength(2);
  });

  test('is left out where it adds up what the calls state, of which the cached tokens are beside the input', () => {
    const cached = { 'gen_ai.usage.cache_read.input_tokens': 5_000 };
    expect(keptOf(call(2, 1, 100, 10, cached), call(3, 1, 200, 20), call(1, null, 300, 30))).toEqual(['2', '3']);
  });

  test('is left out though it has the id of the last answer inside it', () => {
    const last = { 'gen_ai.response.id': 'chatcmpl-Last1' };
    const first = { 'gen_ai.response.id': 'chatcmpl-First1' };
    const inner = [call(2, 1, 100, 10, first), call(3, 1, 200, 20, last)];
    expect(keptOf(call(1, null, 300, 30, last), ...inner)).toEqual(['2', '3']);
  });

  test('stays where it is more or less than that, or has an answer of its own', () => {
    expect(keptOf(call(1, null, 301, 30), call(2, 1, 100, 10), call(3, 1, 200, 20))).toHaveLength(3);
    const own = { 'gen_ai.response.id': 'chatcmpl-Own1' };
    expect(keptOf(call(1, null, 300, 30, own), call(2, 1, 100, 10), call(3, 1, 200, 20))).toHaveLength(3);
  });
});

describe('a span that repeats the call inside it', () => {
  test('is that call, though a gateway knows the model by another name and gives it an id of its own', () => {
    const gateway = call(1, null, 100, 10, {
      'gen_ai.request.model': 'our-fast-model',
      'gen_ai.response.id': 'chatcmpl-6f1c8e0a-7b52-4d68-a1e2-c3d4f5061728',
    });
    const inner = call(2, 1, 100, 10, { 'gen_ai.response.id': 'chatcmpl-Aq7ZwA3x' });
    expect(keptOf(gateway, inner)).toHaveLength(1);
  });

  test('is one of two calls with the same numbers, and the other one stays', () => {
    expect(keptOf(call(1, null, 100, 10), call(2, 1, 100, 10), call(3, 1, 100, 10))).toHaveLength(2);
    expect(keptOf(call(2, 1, 100, 10), call(3, 1, 100, 10), call(1, null, 100, 10))).toHaveLength(2);
  });

  test('is that call in another trace, by the id that the provider gave to its answer', () => {
    const id = { 'gen_ai.response.id': 'resp_0a1b2c3d' };
    const elsewhere = { ...call(2, null, 100, 10, id), traceId: '1'.repeat(32) };
    expect(keptOf(call(1, null, 100, 10, id), elsewhere)).toEqual(['1']);
    // Ollama numbers its answers, and has 999 of them.
    const counted = { 'gen_ai.response.id': 'chatcmpl-417' };
    expect(
      keptOf(call(1, null, 100, 10, counted), { ...elsewhere, attributes: call(2, null, 9, 9, counted).attributes }),
    ).toHaveLength(2);
  });

  test('is that call by the number that ADK gives to both', () => {
    const event = { 'gcp.vertex.agent.event_id': 'e-17', 'gen_ai.system': 'gcp.vertex.agent' };
    const outer = { ...call(1, null, 100, 10, event), name: 'call_llm' };
    expect(keptOf(outer, call(2, 3, 100, 12, event))).toHaveLength(1);
  });
});

describe('a call without counts', () => {
  test('is one where it stands alone', () => {
    expect(keptOf(mute(1, null))).toEqual(['1']);
    expect(keptOf(mute(1, null), call(2, null, 100, 10))).toEqual(['1', '2']);
  });

  test('is none where it is around calls, or inside one that has them', () => {
    expect(keptOf(mute(1, null), call(2, 1, 100, 10), call(3, 1, 100, 10))).toEqual(['2', '3']);
    expect(keptOf(mute(1, null), mute(2, 1))).toEqual(['2']);
    expect(keptOf(call(1, null, 100, 10), mute(2, 1))).toEqual(['1']);
  });
});
