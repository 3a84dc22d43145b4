import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { modelSeries } from '../../../src/domain/forecast/engine/model-series.ts';
import {
  createSeriesModeler,
  type SeriesModeler,
  type SeriesModelerOptions,
} from '../../../src/domain/forecast/modeling/series-modeler.ts';

const log = pino({ level: 'silent' });
const FAILING = new URL('failing-worker.ts', import.meta.url);
const level = 0.9;
let opened: SeriesModeler[] = [];

function open(options: Partial<SeriesModelerOptions> = {}): SeriesModeler {
  const modeler = createSeriesModeler({ log, ...options });
  opened.push(modeler);
  return modeler;
}

const codeOf = (made: Promise<unknown>) =>
  made.then(
    () => 'made',
    ({ code }) => code,
  );

afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
});

describe('the thread of forecasts', () => {
  it('makes the model that the engine makes, and remembers it', async () => {
    const modeler = open();
    const history = Array.from({ length: 30 }, (_, i) => 5 + (i % 7));
    const first = modeler.model({ history, level });
    expect(modeler.model({ history: [...history], level })).toBe(first);
    expect(modeler.model({ history, level: 0.8 })).not.toBe(first);
    expect(await first).toMatchObject(modelSeries(history));
    expect((await first).accuracy.windows).toBeGreaterThan(0);
  });

  it.each([
    ['ends', 1],
    ['throws', 3],
  ])('that %s fails what it was at as unavailable, and the next one gets another thread', async (_, failing) => {
    const modeler = open({ file: FAILING });
    const [failed, next] = [modeler.model({ history: [failing], level }), modeler.model({ history: [9, 9], level })];
    expect(await codeOf(failed)).toBe('unavailable');
    expect(await next).toMatchObject({ historyDays: 2 });
    // A failure is not remembered.
    expect(modeler.model({ history: [failing], level })).not.toBe(failed);
  });

  it('that does not answer in time is ended, and later forecasts get another', async () => {
    const modeler = open({ file: FAILING, timeoutMs: 300 });
    expect(await codeOf(modeler.model({ history: [2], level }))).toBe('unavailable');
    // On a busy machine a thread may take longer than 300 ms to start.
    for (let day = 3; (await codeOf(modeler.model({ history: [9, day], level }))) !== 'made'; ) day++;
  });

  it('has a queue with an end: who comes then is told at once', async () => {
    const modeler = open({ file: FAILING, maxWaiting: 1 });
    const first = modeler.model({ history: [2], level });
    const second = modeler.model({ history: [2, 2], level });
    expect(await codeOf(modeler.model({ history: [9], level }))).toBe('unavailable');
    const ended = [codeOf(first), codeOf(second)];
    await modeler.close();
    expect(await Promise.all(ended)).toEqual(['unavailable', 'unavailable']);
    expect(await codeOf(modeler.model({ history: [9, 1], level }))).toBe('unavailable');
  });
});
