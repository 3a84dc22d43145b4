import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import { encodeOtlpError, encodeOtlpResponse } from '../../../src/domain/otlp/wire/encode-otlp-response.ts';
import type { OtlpEncoding } from '../../../src/domain/otlp/wire/otlp-span.ts';
import { AppError } from '../../../src/platform/errors.ts';
import { EXPORTER_REQUEST } from './otlp-exporter-fixture.ts';
import { encodeRequest, ResponseType, RpcStatusType, SECRET, toRequest } from './otlp-request.ts';

const toBytes = (text: string) => new TextEncoder().encode(text);
const read = (bytes: Uint8Array, encoding: OtlpEncoding) => collectSpanUsage(decodeOtlp(bytes, encoding));

const CALL = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 2 ** 39,
  'gen_ai.usage.output_tokens': 1,
};

test('what the real protobuf exporter sends is read', () => {
  const result = read(EXPORTER_REQUEST, 'protobuf');
  expect(result).toMatchObject({
    events: [
      {
        spanId: 'dd11ec47c6fae6cb',
        event: {
          id: '88739243c468ed1a80dfab997e5e1275:dd11ec47c6fae6cb',
          provider: 'openai',
          model: 'gpt-4o-2024-08-06',
          inputTokens: 1200,
          outputTokens: 310,
          cacheReadTokens: 1024,
          tags: { service: 'shop', env: 'prod' },
          telemetry: { startedAt: new Date(1795342262653) },
        },
      },
    ],
    ignored: 2,
    rejected: [{ spanId: '131f2a11e838ac7b' }],
  });
  expect(EXPORTER_REQUEST.toString('latin1')).toContain('SECRET');
  expect(JSON.stringify(decodeOtlp(EXPORTER_REQUEST, 'protobuf'), withMaps)).not.toContain('SECRET');
});

test('both encodings give the same spans, and no content leaves the decoder', () => {
  const messages = { 'gen_ai.input.messages': SECRET, 'gen_ai.tool.call.result': [SECRET], [SECRET]: 1 };
  const request = toRequest([{ attributes: { ...CALL, ...messages }, isError: true }], { 'process.command': SECRET });
  const [json, protobuf] = (['json', 'protobuf'] as const).map((encoding) =>
    decodeOtlp(encodeRequest(request, encoding), encoding),
  );
  expect(json).toEqual(protobuf);
  expect(json).toHaveLength(1);
  expect(JSON.stringify(json, withMaps)).not.toContain(SECRET);
});

function withMaps(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  return typeof value === 'bigint' ? value.toString() : value;
}

test('JSON may write 64-bit integers as numbers, leave anything out, and add anything', () => {
  const text = JSON.stringify({
    ...toRequest([{ attributes: CALL, start: 1793000000000000000, end: '1793000001200000000' }]),
    later: { deep: [[[[1]]]] },
  });
  const plain = text.replaceAll(/"intValue":"(\d+)"/g, '"intValue":$1');
  expect(plain).not.toBe(text);
  expect(read(toBytes(plain), 'json').events[0]).toMatchObject({
    event: { inputTokens: 2 ** 39, telemetry: { startedAt: new Date(1793000000000) } },
  });
  expect(read(toBytes('{}'), 'json')).toEqual({ events: [], ignored: 0, rejected: [] });
  expect(read(toBytes('{"resourceSpans":[{},{"resource":null,"scopeSpans":[{"spans":[{}]}]}]}'), 'json').ignored).toBe(
    1,
  );
  expect(read(toBytes('{"resource_spans":[{"scope_spans":[{"spans":[{}]}]}]}'), 'json').ignored).toBe(0);
  expect(read(new Uint8Array(), 'protobuf')).toEqual({ events: [], ignored: 0, rejected: [] });
});

describe('bytes that are no export request are invalid_request', () => {
  test.each<[string, Uint8Array, OtlpEncoding]>([
    ['nothing', new Uint8Array(), 'json'],
    ['cut JSON', toBytes('{"resourceSpans":['), 'json'],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'json'],
    ['null', toBytes('null'), 'json'],
    ['a list', toBytes('[]'), 'json'],
    ['an object for a list', toBytes('{"resourceSpans":{}}'), 'json'],
    ['a number for a span', toBytes('{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}'), 'json'],
    ['attributes as an object', toBytes('{"resourceSpans":[{"resource":{"attributes":{"a":1}}}]}'), 'json'],
    ['deep brackets', toBytes('['.repeat(100_000)), 'json'],
    ['JSON called protobuf', toBytes('{"resourceSpans":[]}'), 'protobuf'],
    ['a length past the end', Uint8Array.of(0x0a, 0x7f, 0x01), 'protobuf'],
    ['a varint without end', new Uint8Array(20).fill(0xff), 'protobuf'],
    ['groups without end', new Uint8Array(100_000).fill(0x1b), 'protobuf'],
    ['the real request, cut', EXPORTER_REQUEST.subarray(0, 700), 'protobuf'],
  ])('%s', (_title, bytes, encoding) => {
    expect(() => decodeOtlp(bytes, encoding)).toThrow(AppError);
    expect(() => decodeOtlp(bytes, encoding)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test.each(['json', 'protobuf'] as const)('hostile values in %s do not break it', (encoding) => {
    const deep = '{"arrayValue":{"values":['.repeat(200) + ']}}'.repeat(200);
    const pairs = `{"key":"gen_ai.operation.name","value":${deep}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":{"toString":1}}},{"key":"gen_ai.usage.output_tokens","value":{"doubleValue":[{"valueOf":1}]}},{"key":"__proto__","value":{"stringValue":"x"}}`;
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[${pairs}]}]}]}]}`;
    const bytes = encoding === 'json' ? toBytes(text) : Buffer.concat([EXPORTER_REQUEST, Uint8Array.of(0xfa, 1, 1, 0)]);
    expect(() => read(bytes, encoding)).not.toThrow();
  });
});

describe('whatever comes, nothing but AppError is thrown', () => {
  const survives = (bytes: Uint8Array, encoding: OtlpEncoding) => {
    try {
      read(bytes, encoding);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  };

  test('random bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(fc.property(bytes, fc.constantFrom<OtlpEncoding>('json', 'protobuf'), survives), { numRuns: 3000 });
  });

  test('the real request with bytes changed', () => {
    const change = fc.tuple(fc.nat(EXPORTER_REQUEST.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Uint8Array.from(EXPORTER_REQUEST);
        for (const [at, value] of changes) bytes[at] = value;
        survives(bytes, 'protobuf');
      }),
      { numRuns: 2000 },
    );
  });

  test('JSON of the right names and any values', () => {
    const names = 'resourceSpans scopeSpans spans resource scope attributes key value stringValue intValue doubleValue';
    const more = 'traceId spanId parentSpanId startTimeUnixNano endTimeUnixNano status code name version';
    const key = fc.constantFrom(...`${names} ${more}`.split(' '));
    const leaf = fc.oneof(fc.constantFrom(...Object.keys(CALL), 'chat'), fc.double(), fc.string(), fc.constant(null));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 9 }, leaf, fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(key, tie('tree'))),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, tree), (request) => survives(toBytes(JSON.stringify(request)), 'json')),
      { numRuns: 1000 },
    );
  });
});

describe('the answer is in the encoding of the request', () => {
  const text = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

  test('full success is empty', () => {
    expect(text(encodeOtlpResponse('json', null))).toEqual({});
    expect(encodeOtlpResponse('protobuf', null)).toHaveLength(0);
  });

  test('partial success counts and explains', () => {
    const partial = { rejectedSpans: 3, errorMessage: 'no input tokens' };
    const expected = { partialSuccess: { rejectedSpans: '3', errorMessage: 'no input tokens' } };
    expect(text(encodeOtlpResponse('json', partial))).toEqual(expected);
    const decoded = ResponseType.decode(encodeOtlpResponse('protobuf', partial));
    expect(ResponseType.toObject(decoded, { longs: String })).toEqual(expected);
  });

  test.each([
    [400, 3],
    [401, 16],
    [413, 8],
    [429, 8],
    [503, 14],
    [500, 13],
  ])('an error of HTTP %i is a Status of code %i', (httpStatus, code) => {
    expect(text(encodeOtlpError('json', httpStatus, 'no'))).toEqual({ code, message: 'no' });
    const decoded = RpcStatusType.decode(encodeOtlpError('protobuf', httpStatus, 'no'));
    expect(RpcStatusType.toObject(decoded)).toEqual({ code, message: 'no' });
  });
});

describe('an export request is counted before it is decoded', () => {
  const bytesOf = (...pieces: Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));
  const varint = (value: number) => {
    const bytes: number[] = [];
    let left = value;
    for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
    return Uint8Array.from([...bytes, left]);
  };
  const field = (id: number, content: Uint8Array) =>
    bytesOf(Uint8Array.of((id << 3) | 2), varint(content.length), content);
  const empty = (id: number, count: number) => new Uint8Array(Buffer.alloc(count * 2, Buffer.from([(id << 3) | 2, 0])));
  const spansInProtobuf = (count: number) => field(1, field(2, empty(2, count)));
  const spansInJson = (count: number) =>
    toBytes(`{"resourceSpans":[{"scopeSpans":[{"spans":[${Array.from({ length: count }, () => '{}').join()}]}]}]}`);
  const TOO_MANY = expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('more than') });
  const quickly = (act: () => unknown) => {
    const start = performance.now();
    expect(act).toThrow(TOO_MANY);
    expect(performance.now() - start).toBeLessThan(5_000);
  };

  test('10,000 spans are read, and one more is refused', () => {
    for (const [bytes, encoding] of [
      [spansInProtobuf, 'protobuf'],
      [spansInJson, 'json'],
    ] as const) {
      expect(decodeOtlp(bytes(10_000), encoding)).toHaveLength(10_000);
      expect(() => decodeOtlp(bytes(10_001), encoding)).toThrow(TOO_MANY);
    }
  });

  test('millions of empty spans, resources or attributes are refused at once', () => {
    quickly(() => decodeOtlp(spansInProtobuf(5_000_000), 'protobuf'));
    quickly(() => decodeOtlp(empty(1, 5_000_000), 'protobuf'));
    quickly(() => decodeOtlp(field(1, field(2, field(2, empty(9, 5_000_000)))), 'protobuf'));
    quickly(() => decodeOtlp(spansInJson(3_000_000), 'json'));
    quickly(() => decodeOtlp(toBytes(`{"resourceSpans":[${'[],'.repeat(3_000_000)}[]]}`), 'json'));
  });

  test('one attribute that nests too deeply does not cost the other spans', () => {
    const deep = '{"arrayValue":{"values":['.repeat(5_000) + ']}}'.repeat(5_000);
    const span = JSON.stringify(toRequest([{ attributes: CALL }]));
    const text = span.replace('"attributes":[{', `"attributes":[{"key":"gen_ai.\\u0070rompt","value":${deep}},{`);
    expect(read(toBytes(text), 'json').events).toHaveLength(1);
  });
});
