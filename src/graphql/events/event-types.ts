import { EVENT_TYPES, type EventType, type EventTypeDefinition } from '../../domain/event-log/event-types.ts';
import type { AnomalyDriver, PayloadField, PayloadKind } from '../../domain/event-log/payload-field.ts';
import { builder } from '../builder/builder.ts';

/** `usage.exceeded` -> `USAGE_EXCEEDED`. */
export const EventTypeEnum = builder.enumType('EventType', {
  values: Object.fromEntries(
    [...EVENT_TYPES].map(([type, { description }]) => [
      type.toUpperCase().replace('.', '_'),
      { value: type, description: `\`${type}\`: ${description}.` },
    ]),
  ) as Record<string, { value: EventType }>,
});

const AmountUnitEnum = builder.enumType('AmountUnit', {
  description: 'What a budget is counted in.',
  values: {
    USD: { value: 'usd', description: 'Money, as a decimal string.' },
    TOKENS: { value: 'tokens', description: 'Tokens, as a number.' },
  },
});

const AnomalyDriverRef = builder.objectRef<AnomalyDriver>('AnomalyDriver').implement({
  description: 'A model, API key, user or tag that has more of an anomaly than its usual share.',
  fields: (t) => ({
    dimension: t.exposeString('dimension', { description: '`model`, `api_key`, `user` or `tag:KEY`.' }),
    value: t.exposeString('value', {
      description: 'The model, the id of the API key, the user or the value of the tag.',
    }),
    expected: t.expose('expected', {
      type: 'Decimal',
      description: 'Its share of the four weeks before, of what was expected in all, in USD.',
    }),
    actual: t.expose('actual', { type: 'Decimal', description: 'What it has cost by then, in USD.' }),
  }),
});

/** An event's data, and which type of event it is of. */
export interface PayloadSource {
  type: EventType;
  data: Readonly<Record<string, unknown>>;
}

const DRIVERS: [typeof AnomalyDriverRef] = [AnomalyDriverRef];

const SCALARS = {
  id: 'ID',
  string: 'String',
  time: 'DateTime',
  count: 'SafeInt',
  decimal: 'Decimal',
  amount: 'Amount',
  unit: AmountUnitEnum,
  drivers: DRIVERS,
} as const satisfies Readonly<Record<PayloadKind, unknown>>;

function readValue({ data }: PayloadSource, name: string, kind: PayloadKind): unknown {
  const value = data[name];
  return kind === 'time' && typeof value === 'string' ? new Date(value) : value;
}

function payloadType({ description, payload, fields }: EventTypeDefinition) {
  return builder.objectRef<PayloadSource>(payload).implement({
    description: `What an event tells: ${description}.`,
    fields: (t) =>
      Object.fromEntries(
        Object.entries(fields).map(([name, one]: [string, Omit<PayloadField<never>, 'read'>]) => [
          name,
          t.field({
            type: SCALARS[one.kind],
            nullable: one.isNullable,
            description: one.description,
            // The kind says which type the value has.
            resolve: (source) => readValue(source, name, one.kind) as never,
          }),
        ]),
      ),
  });
}

/** The types of events' data. */
export const PAYLOAD_REFS = new Map([...EVENT_TYPES].map(([type, definition]) => [type, payloadType(definition)]));

export const EventPayloadRef = builder.unionType('EventPayload', {
  description: 'What an event tells, with typed fields: one type for each type of event.',
  types: [...PAYLOAD_REFS.values()],
  resolveType: ({ type }) => PAYLOAD_REFS.get(type),
});
