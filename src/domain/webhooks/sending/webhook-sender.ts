import type { Config } from '../../../config.ts';
import { createSecretBox, type SecretBox } from '../../../platform/cipher.ts';
import type { PublicUrl } from '../../../platform/http/public-url.ts';
import { newUuid } from '../../../platform/ids.ts';
import type { Log } from '../../../platform/log.ts';
import { createOutboundHttp, type OutboundHttp } from '../../../platform/outbound-http/outbound-http.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import { type Claimer, claimDeliveries, findDueWebhooks, type WaitingWebhook } from './claim-deliveries.ts';
import { dropQueue, type Endpoint, isRunningLow, newEndpoint, roomIn } from './endpoint.ts';
import { type FinishedDelivery, finishDeliveries } from './finish-deliveries.ts';
import { createPump } from './pump.ts';
import { nextTryMs } from './retry-schedule.ts';
import { SECRET_PURPOSE } from './signing-secret.ts';
import { ANSWER_TIMEOUT_MS, type TriedDelivery } from './try-delivery.ts';

/** What the sender has done since the start. */
export interface SenderCounts {
  succeeded: number;
  failed: number;
}

/** Sends what is due, of all organizations, as one of the processes on the database. */
export interface WebhookSender {
  http: OutboundHttp;
  /** Opens and closes the signing secrets. */
  secrets: SecretBox;
  counts: Readonly<SenderCounts>;
  /** Says that deliveries of an organization are due now. Without it they start within a second. */
  wake(organizationId: string): void;
  /** Says that a webhook was changed: what is queued here is read again before it is sent. */
  changed(organizationId: string, webhookId: string): void;
  /** Stops claiming, gives what is on its way a few seconds, and gives the webhooks back. */
  close(): Promise<void>;
}

export interface SenderOptions {
  config: Readonly<Config>;
  database: Database;
  publicUrl: PublicUrl;
  log: Log;
  clock: () => number;
}

const POLL_EVERY_MS = 1_000;
/** A poll that takes long waits this many times as long until the next. */
const POLL_REST = 10;
const MAX_POLL_MS = 5_000;
/** A webhook that another process has, or is being changed, is asked for again once. */
const ASK_AGAIN_MS = 100;
/** How long the process that has a webhook is waited for when it is silent. */
const LEASE_MS = 30_000;
const RENEW_AFTER_MS = LEASE_MS / 3;
const MAX_WEBHOOKS_AT_ONCE = 200;
const MAX_FINISHED_AT_ONCE = 200;
/** What tries on their way get when the server stops, and a quarter of the time that it has at most. */
const CLOSE_GRACE_MS = 3_000;
const CLOSE_SHARE = 1 / 4;

/**
 * Starts the sender of this process. A webhook belongs to one sender at a time, by a lease in the
 * database: so its events keep their order over any number of processes, and a process that dies
 * costs its webhooks the rest of the lease. Each webhook has a small queue and a limit of its own
 * here, so one that hangs delays no other. A try is written after it was made: one that a crash
 * cuts off is made again, which receivers recognize by `webhook-id`.
 */
export function startWebhookSender({ config, database, publicUrl, log, clock }: SenderOptions): WebhookSender {
  const http = createOutboundHttp({
    allowHttp: config.webhookAllowHttp,
    allowPrivate: config.webhookAllowPrivate,
    timeoutMs: ANSWER_TIMEOUT_MS,
  });
  const secrets = createSecretBox(config.encryptionKey, SECRET_PURPOSE);
  const claimer: Claimer = { senderId: newUuid(), leaseMs: LEASE_MS, box: secrets };
  const counts: SenderCounts = { succeeded: 0, failed: 0 };
  const endpoints = new Map<string, Endpoint>();
  const stopping = new AbortController();
  const pump = createPump({
    tries: { config, publicUrl, http, clock, signal: stopping.signal },
    leaseMs: LEASE_MS,
    onTried: finish,
    onStale(endpoint) {
      toClaim.set(endpoint.webhookId, endpoint);
      work();
    },
  });
  let finished: FinishedDelivery[] = [];
  let woken = new Set<string>();
  const askedAgain = new Set<string>();
  const toClaim = new Map<string, WaitingWebhook>();
  let isPollDue = false;
  let isClosed = false;
  let working: Promise<void> | null = null;
  let isFailing = false;
  let pollTimer: NodeJS.Timeout | undefined;

  function finish({ organizationId, webhookId, id }: WaitingWebhook & { id: string }, tried: TriedDelivery): void {
    counts[tried.succeeded ? 'succeeded' : 'failed']++;
    finished.push({ organizationId, webhookId, id, tried });
    work();
  }

  /** Writes what has ended, and lets the next be claimed once that is stored. */
  async function writeFinished(): Promise<void> {
    const batch = finished.splice(0, MAX_FINISHED_AT_ONCE);
    try {
      await finishDeliveries(database, batch, clock());
    } catch (error) {
      finished = [...batch, ...finished];
      throw error;
    }
    for (const { webhookId, id } of batch) {
      const endpoint = endpoints.get(webhookId);
      endpoint?.held.delete(id);
      if (endpoint && isRunningLow(endpoint)) toClaim.set(webhookId, endpoint);
    }
  }

  const isSaturated = (endpoint: Endpoint) => !isRunningLow(endpoint);

  async function findDue(): Promise<void> {
    const organizations = isPollDue ? null : [...woken];
    if (isPollDue) {
      const overdue = performance.now() - RENEW_AFTER_MS;
      for (const one of endpoints.values()) {
        if (one.held.size > 0 && one.leasedMs < overdue) toClaim.set(one.webhookId, one);
      }
    }
    woken = new Set();
    isPollDue = false;
    const full = [...endpoints.values()].filter(isSaturated).map(({ webhookId }) => webhookId);
    for (const webhook of await findDueWebhooks(database.pool, clock(), full, organizations)) {
      toClaim.set(webhook.webhookId, webhook);
    }
  }

  async function claim(): Promise<void> {
    const asked = [...toClaim.values()].slice(0, MAX_WEBHOOKS_AT_ONCE);
    for (const { webhookId } of asked) toClaim.delete(webhookId);
    const atMs = performance.now();
    const claims = asked.map((webhook) => {
      const endpoint = endpoints.get(webhook.webhookId) ?? newEndpoint(webhook);
      return { ...webhook, wanted: roomIn(endpoint), held: [...endpoint.held] };
    });
    const claimed = await claimDeliveries(database.pool, claimer, claims, clock());
    const missing = new Map(asked.map((webhook) => [webhook.webhookId, webhook]));
    for (const { due, unsendable, ...webhook } of claimed) {
      missing.delete(webhook.webhookId);
      const endpoint = endpoints.get(webhook.webhookId) ?? newEndpoint(webhook);
      endpoint.leasedMs = atMs;
      endpoints.set(webhook.webhookId, endpoint);
      for (const delivery of due) endpoint.held.add(delivery.id);
      endpoint.queue.push(...due);
      for (const { id, tries, error } of unsendable) {
        endpoint.held.add(id);
        const attempt = { at: new Date(clock()).toISOString(), statusCode: null, durationMs: 0, error, response: null };
        const nextAttemptMs = nextTryMs(config.webhookRetrySeconds, tries + 1, null, clock());
        finish({ ...webhook, id }, { attempt, succeeded: false, isGone: false, nextAttemptMs });
      }
      if (endpoint.held.size === 0) endpoints.delete(webhook.webhookId);
      else if (due.length > 0) pump.run(endpoint);
    }
    for (const { organizationId, webhookId } of missing.values()) {
      drop(webhookId);
      askAgain(organizationId);
    }
  }

  /** Of a webhook that is another process's now, or was changed: nothing that is queued is sent. */
  function drop(webhookId: string): void {
    const endpoint = endpoints.get(webhookId);
    if (!endpoint) return;
    dropQueue(endpoint);
    if (endpoint.held.size === 0) endpoints.delete(webhookId);
  }

  function askAgain(organizationId: string): void {
    if (askedAgain.has(organizationId) || isClosed) return;
    askedAgain.add(organizationId);
    setTimeout(() => {
      woken.add(organizationId);
      work();
    }, ASK_AGAIN_MS).unref();
  }

  const hasWork = () => finished.length > 0 || (!isClosed && (toClaim.size > 0 || woken.size > 0 || isPollDue));

  /** One statement after the other, for as long as there is something to do. */
  async function workUntilDone(): Promise<void> {
    while (hasWork()) {
      if (finished.length > 0) await writeFinished();
      if (isClosed) continue;
      if (woken.size > 0 || isPollDue) await findDue();
      if (toClaim.size > 0) await claim();
    }
    isFailing = false;
  }

  function work(): void {
    working ??= workUntilDone()
      .catch((error: unknown) => {
        if (!isFailing && !isClosed) log.warn({ err: error }, 'deliveries of webhooks could not be read or written');
        isFailing = true;
      })
      .finally(() => {
        working = null;
        // What was added since the last look, which was before this.
        if (hasWork() && !isFailing) work();
      });
  }

  async function poll(): Promise<void> {
    const startMs = performance.now();
    askedAgain.clear();
    isPollDue = true;
    work();
    await working;
    const restMs = Math.min(MAX_POLL_MS, (performance.now() - startMs) * POLL_REST);
    if (!isClosed) pollTimer = setTimeout(poll, Math.max(POLL_EVERY_MS, restMs)).unref();
  }

  async function waitForTries(): Promise<void> {
    const graceMs = Math.min(CLOSE_GRACE_MS, config.shutdownSeconds * 1000 * CLOSE_SHARE);
    const deadline = performance.now() + graceMs;
    while (pump.inFlight() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    stopping.abort();
    await http.close();
    while (pump.inFlight() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async function close(): Promise<void> {
    isClosed = true;
    clearTimeout(pollTimer);
    for (const endpoint of endpoints.values()) {
      clearTimeout(endpoint.timer);
      dropQueue(endpoint);
    }
    await waitForTries();
    await working;
    if (finished.length > 0) work();
    await working;
    await database.pool
      .query('UPDATE webhooks SET sender = NULL, sender_until = NULL WHERE sender = $1', [claimer.senderId])
      .catch((error: unknown) => log.warn({ err: error }, 'webhooks were not given back'));
  }

  pollTimer = setTimeout(poll, POLL_EVERY_MS).unref();
  let closing: Promise<void> | null = null;
  return {
    http,
    secrets,
    counts,
    wake(organizationId) {
      if (isClosed) return;
      woken.add(organizationId);
      work();
    },
    changed(organizationId, webhookId) {
      drop(webhookId);
      if (isClosed) return;
      // Asked for by name too: where nothing is due, it is given back.
      toClaim.set(webhookId, { organizationId, webhookId });
      woken.add(organizationId);
      work();
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
