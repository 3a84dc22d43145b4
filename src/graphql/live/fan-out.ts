import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ExecutionArgs, execute } from 'graphql';
import type { Context, Resources } from '../../domain/context.ts';
import type { LiveSource, Told } from '../../domain/live/live-source.ts';
import { AppError } from '../../platform/errors.ts';
import { translateErrors } from '../builder/errors.ts';
import { LiveMessage } from './live-message.ts';
import type { Subscriber } from './subscriber.ts';

/** A subscription whose source has begun. `contextValue` is the caller's. */
export interface LiveOperation {
  args: ExecutionArgs & { contextValue: Context };
  /** The text of its document. */
  text: string;
  source: LiveSource;
}

/** Whether a subscription's resolver has answered, rather than failed. */
export function isLiveSource(source: object): source is LiveSource {
  return 'catchUp' in source && 'attach' in source;
}

/**
 * Executes a subscription once for all who ask the same with the same view: the text of the
 * document, its variables, its name, the organization and the team of the key. What a subscription
 * answers depends on nothing else; whether a key may subscribe at all is checked for each.
 */
export interface FanOut {
  /**
   * Takes one of the organization's places for a subscription. @returns gives it back
   * @throws AppError rate_limit_exceeded where it has {@link MAX_SUBSCRIPTIONS}
   */
  open(organizationId: string): () => void;
  /** Sends what comes after the subscriber's position, where its source is caught up. @returns the end */
  join(operation: LiveOperation, subscriber: Subscriber): () => void;
}

interface Group {
  members: Set<Subscriber>;
  detach: () => void;
}

function keyOf({ args, text }: LiveOperation): string {
  const { organization, teamId } = args.contextValue.caller;
  return JSON.stringify([organization.id, teamId, args.operationName, args.variableValues, text]);
}

/** The result of a subscription for one value, as JSON. */
export async function serializeResult({ args }: LiveOperation, { value }: Told<unknown>): Promise<string> {
  const result = await execute({ ...args, rootValue: value });
  if (!result.errors) return JSON.stringify(result);
  const { resources, requestId } = args.contextValue;
  return JSON.stringify({ ...result, errors: translateErrors(result.errors, resources.log, requestId) });
}

/** What is sent to one subscriber without a pause: much less than may wait for a reader. */
const PAUSE_AFTER_BYTES = 262_144;
/** Deliveries to all without a pause: some 30 ms. */
const PAUSE_AFTER_DELIVERIES = 8_000;
/** Live subscriptions of an organization in one process. */
export const MAX_SUBSCRIPTIONS = 10_000;

export function createFanOut({ metrics, log }: Pick<Resources, 'metrics' | 'log'>): FanOut {
  const groups = new Map<string, Group>();
  const open = new Map<string, number>();
  let deliveries = 0;
  const countOpen = () => open.values().reduce((sum, count) => sum + count, 0);
  metrics.add({ name: 'meterr_subscriptions', help: 'Live subscriptions.', read: countOpen });
  metrics.add({
    name: 'meterr_subscription_groups',
    help: 'Live subscriptions that differ, each executed once for an event.',
    read: () => groups.size,
  });
  metrics.add({
    name: 'meterr_deliveries_total',
    help: 'Events sent to live subscriptions.',
    read: () => deliveries,
  });

  function create(key: string, operation: LiveOperation): Group {
    const members = new Set<Subscriber>();
    let before: Promise<void> = Promise.resolve();
    let unpausedBytes = 0;
    let unpausedDeliveries = 0;

    const everyMs = operation.source.everyMs ?? 0;

    /** It had this one before it joined, or the last one is not long enough ago. */
    function isSpared({ position, sentAtMs }: Subscriber, told: Told<unknown>): boolean {
      return position >= told.position || (everyMs > 0 && performance.now() - sentAtMs < everyMs);
    }

    /** Lets the sockets write, and others be served, before more is sent. */
    async function pauseAfter(bytes: number): Promise<void> {
      unpausedBytes += bytes;
      unpausedDeliveries += members.size;
      if (unpausedBytes < PAUSE_AFTER_BYTES && unpausedDeliveries < PAUSE_AFTER_DELIVERIES) return;
      unpausedBytes = 0;
      unpausedDeliveries = 0;
      await nextTurn();
    }

    async function tell(told: Told<unknown>): Promise<void> {
      if (members.values().every((member) => isSpared(member, told))) return;
      const message = new LiveMessage(await serializeResult(operation, told));
      for (const member of members) {
        if (isSpared(member, told)) continue;
        member.position = told.position;
        if (everyMs > 0) member.sentAtMs = performance.now();
        deliveries++;
        member.send(message);
        if (told.isLast) member.complete?.();
      }
      await pauseAfter(message.payload.length);
    }

    const take = (told: Told<unknown>) => {
      before = before
        .then(() => tell(told))
        .catch((error) => log.error({ err: error }, 'an event could not be sent to subscribers'));
      return before;
    };
    const detach = operation.source.attach(take, () => {
      groups.delete(key);
      for (const member of members) member.closeBehind();
    });
    const group = { members, detach };
    groups.set(key, group);
    return group;
  }

  return {
    open(organizationId) {
      const count = open.get(organizationId) ?? 0;
      if (count >= MAX_SUBSCRIPTIONS) {
        throw new AppError('rate_limit_exceeded', `An organization may have ${MAX_SUBSCRIPTIONS} live subscriptions.`);
      }
      open.set(organizationId, count + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (open.get(organizationId) ?? 1) - 1;
        if (left > 0) open.set(organizationId, left);
        else open.delete(organizationId);
      };
    },
    join(operation, subscriber) {
      const key = keyOf(operation);
      const group = groups.get(key) ?? create(key, operation);
      group.members.add(subscriber);
      return () => {
        if (!group.members.delete(subscriber)) return;
        if (group.members.size > 0) return;
        group.detach();
        if (groups.get(key) === group) groups.delete(key);
      };
    },
  };
}
