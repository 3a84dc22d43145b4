import { createSourceEventStream, type DocumentNode, getOperationAST, OperationTypeNode } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import type { Admission } from '../../domain/access/admit.ts';
import type { KeyWatch } from '../../domain/access/key-watch.ts';
import type { Context, Resources } from '../../domain/context.ts';
import { preferredType } from '../../platform/http/accept.ts';
import type { RequestInfo } from '../../platform/http/request-info.ts';
import { translateErrors } from '../builder/errors.ts';
import { createEventStream, type EventStream } from '../live/event-stream.ts';
import { type FanOut, isLiveSource, type LiveOperation } from '../live/fan-out.ts';
import { type LiveResults, openLiveResults } from '../live/live-results.ts';
import { MAX_UNSENT_BYTES } from '../live/serve-sockets.ts';
import { schema } from '../schema.ts';
import { checkOperation } from './check-operation.ts';
import type { KnownDocuments } from './known-documents.ts';
import { parseRequest } from './read-request.ts';

const EVENT_STREAM = 'text/event-stream';
const HEADERS = {
  'Content-Type': `${EVENT_STREAM}; charset=utf-8`,
  // A proxy such as nginx would hold back what is written.
  'X-Accel-Buffering': 'no',
};

export interface StreamParts {
  resources: Resources;
  keys: KeyWatch;
  fanOut: FanOut;
  documents: KnownDocuments;
}

/** Subscriptions over HTTP, as server-sent events. */
export interface StreamDoor {
  /**
   * The stream of a subscription; null where the request is none, or takes no stream, and its body
   * was not read. A refusal by the plan is in `admission`.
   */
  open(request: Request, info: RequestInfo, admission: Admission): Promise<Response | null>;
  /** Ends every stream. */
  close(): void;
}

interface Wanted {
  document: DocumentNode;
  text: string;
  operationName: string | null;
  variableValues: Record<string, unknown> | null;
}

export function createStreamDoor({ resources, keys, fanOut, documents }: StreamParts): StreamDoor {
  const { log, metrics } = resources;
  const streams = new Set<EventStream>();
  metrics.add({ name: 'meterr_event_streams', help: 'Open streams of events over HTTP.', read: () => streams.size });

  function readDocument(text: string): DocumentNode | null {
    try {
      const read = documents.read(text);
      return 'document' in read ? read.document : null;
    } catch {
      return null;
    }
  }

  /** Null: whatever it is, Yoga answers it, an error too. */
  async function readSubscription(request: Request): Promise<Wanted | null> {
    const accept = request.headers.get('accept');
    if (accept === null || !accept.includes(EVENT_STREAM) || preferredType(accept, [EVENT_STREAM]) === null)
      return null;
    const params: GraphQLParams | null = await parseRequest(request.clone()).catch(() => null);
    if (typeof params?.query !== 'string') return null;
    const document = readDocument(params.query);
    const operation = document && getOperationAST(document, params.operationName);
    if (document === null || operation?.operation !== OperationTypeNode.SUBSCRIPTION) return null;
    const { operationName = null, variables = null } = params;
    return { document, text: params.query, operationName, variableValues: variables };
  }

  async function pipe(results: LiveResults, stream: EventStream, { resources, requestId }: Context): Promise<void> {
    for await (const { errors, ...rest } of results) {
      const told = errors ? { ...rest, errors: translateErrors(errors, resources.log, requestId) } : rest;
      await stream.write(JSON.stringify(told));
    }
    stream.end('complete');
  }

  function refuse(errors: readonly Error[], requestId: string): Response {
    const stream = createEventStream({ maxUnsentBytes: MAX_UNSENT_BYTES, onEnd: () => {} });
    void stream.write(JSON.stringify({ errors: translateErrors(errors, log, requestId) }));
    stream.end('complete');
    return new Response(stream.body, { headers: HEADERS });
  }

  /** @throws AppError rate_limit_exceeded where the organization has too many subscriptions */
  function start(request: Request, operation: LiveOperation): Response {
    const context = operation.args.contextValue;
    const ends: (() => void)[] = [];
    const stream = createEventStream({
      maxUnsentBytes: MAX_UNSENT_BYTES,
      onEnd() {
        streams.delete(stream);
        for (const end of ends) end();
      },
    });
    const subscriber = { position: 0, sentAtMs: 0, send: stream.send, closeBehind: () => stream.end() };
    let results: LiveResults;
    try {
      results = openLiveResults(fanOut, operation, subscriber, () => {});
    } catch (error) {
      stream.end();
      throw error;
    }
    const unwatch = keys.watch(request.headers.get('authorization') ?? '', context.caller, {
      onCaller: (caller) => results.check(caller),
      onRefused: () => stream.end(),
    });
    ends.push(unwatch, () => void results.return(undefined));
    streams.add(stream);
    pipe(results, stream, context).catch((error) => {
      log.error({ err: error, requestId: context.requestId }, 'a stream of events could not go on');
      stream.end();
    });
    return new Response(stream.body, { headers: HEADERS });
  }

  return {
    async open(request, { requestId, address }, admission) {
      const wanted = await readSubscription(request);
      if (wanted === null) return null;
      const { text, ...asked } = wanted;
      const refused = await checkOperation(resources, admission, asked);
      if (refused) return refuse(refused, requestId);
      const contextValue: Context = { resources, caller: admission.caller, requestId, address };
      const args = { schema, contextValue, ...asked };
      const source = await createSourceEventStream(args);
      if (!isLiveSource(source)) return refuse('errors' in source ? (source.errors ?? []) : [], requestId);
      try {
        return start(request, { args, text, source });
      } catch (error) {
        return refuse([error as Error], requestId);
      }
    },
    close() {
      for (const stream of streams) stream.end();
    },
  };
}
