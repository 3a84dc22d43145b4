import { GraphQLError, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import { formatScaled, MONEY_SCALE, parseScaled } from '../../platform/money.ts';
import { parseTime } from '../../platform/time.ts';
import { builder } from './builder.ts';

const MAX_DIGITS = 60;
const DECIMAL = `must be a decimal with at most ${MONEY_SCALE} places and ${MAX_DIGITS} characters, as a string or a number`;

/** @param node the literal, by which the caller of GraphQL is told which argument it is */
function refuse(message: string, node?: ValueNode): never {
  throw new GraphQLError(message, { nodes: node, extensions: { code: 'invalid_request' } });
}

function readTime(value: unknown, node?: ValueNode): Date {
  const time = typeof value === 'string' ? parseTime(value) : null;
  return time ?? refuse('must be an RFC 3339 time such as 2026-11-22T10:00:00Z', node);
}

function readDecimal(value: unknown, node?: ValueNode): string {
  const text = typeof value === 'number' ? String(value) : value;
  const scaled = typeof text === 'string' && text.length <= MAX_DIGITS ? parseScaled(text, MONEY_SCALE) : null;
  if (scaled === null) return refuse(DECIMAL, node);
  return formatScaled(scaled, MONEY_SCALE);
}

function readSafeInt(value: unknown, node?: ValueNode): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  return refuse('must be a whole number from -(2^53-1) to 2^53-1', node);
}

function literalText(node: ValueNode): string | null {
  return node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT ? node.value : null;
}

let lastTimeMs = Number.NaN;
let lastTime = '';

/** Remembers the last time: events that were recorded together have the same one. */
function formatTime(value: Date): string {
  const timeMs = value.getTime();
  if (timeMs !== lastTimeMs) {
    lastTime = value.toISOString();
    lastTimeMs = timeMs;
  }
  return lastTime;
}

builder.scalarType('DateTime', {
  description:
    'A moment in RFC 3339. Input may have any offset, and what is finer than a millisecond is cut (the end of a range is ' +
    'rounded up); output is in UTC with milliseconds.',
  serialize: formatTime,
  parseValue: (value) => readTime(value),
  parseLiteral: (node) => readTime(node.kind === Kind.STRING ? node.value : null, node),
});

builder.scalarType('Decimal', {
  description:
    'An exact decimal as a string without an exponent, such as "0.0075". Money is in USD, unless a `currency` beside it ' +
    'says otherwise. Input has at most 18 decimal places, and may also be a JSON number.',
  serialize: (value) => value,
  parseValue: (value) => readDecimal(value),
  parseLiteral: (node) => readDecimal(literalText(node), node),
});

builder.scalarType('SafeInt', {
  description: 'A whole number from -(2^53-1) to 2^53-1.',
  serialize: (value) => value,
  parseValue: (value) => readSafeInt(value),
  parseLiteral: (node) => readSafeInt(node.kind === Kind.INT ? Number(node.value) : null, node),
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});
