import { expect } from 'vitest';
import type { Expectation } from './expect-names-and-limits.ts';
import { refusalOf, statusesOf } from './expect-names-and-limits.ts';
import { type CaseRun, pick, pickList } from './run-case.ts';

const HOUR_MS = 3_600_000;

/** `[start, requests]` of the intervals in which something was used. */
function usedIntervals({ answer }: CaseRun, step: number): [unknown, unknown][] {
  return pickList(answer(step).body, 'data')
    .filter((row) => pick(row, 'requests') !== 0)
    .map((row) => [pick(row, 'start'), pick(row, 'requests')]);
}

function actionsOf({ answer }: CaseRun, step: number): unknown[] {
  return pickList(answer(step).body, 'data').map((entry) => pick(entry, 'action'));
}

/** The rest: times, groups, voids and repeats. */
export const TIMES: Readonly<Record<string, Expectation>> = {
  Y1: ({ answer }) => {
    expect(pick(answer(1).body, 'totals.requests')).toBe(1);
  },
  Z1: ({ answer }) => {
    expect(pick(answer(1).body, 'data.0')).toMatchObject({ group: { 'tag:a,b': 'c' }, requests: 1 });
    expect(pick(answer(2).body, 'data.usage.data.0.group.0')).toMatchObject({ value: 'c' });
  },
  OT1: (run) => {
    expect(statusesOf(run, 1, 2)).toEqual([200, 200]);
    expect(actionsOf(run, 3).toSorted()).toEqual(['budget.created', 'organization.created']);
    const updated = [0, 1, 2].map((step) => pick(run.answer(step).body, 'updated_at'));
    expect(updated[2]).toBe(updated[0]);
    expect(updated[1]).toBe(updated[0]);
  },
  OT3: ({ answer }) => {
    expect(pick(answer(2).body, 'voided_by')).toBe(pick(answer(1).body, 'id'));
    expect(answer(1).status).toBe(201);
  },
  OT6: async ({ answer, ask }) => {
    if (answer(1).status === 201) return;
    const { body } = await ask('GET', '/v1/usage/history?event_id=inv-18');
    expect(pickList(body, 'data').map((event) => pick(event, 'id'))).toEqual([pick(answer(0).body, 'id')]);
  },
  'OK-tz-day': (run) => {
    expect(usedIntervals(run, 2)).toEqual([
      ['2026-11-25T18:30:00.000Z', 1],
      ['2026-11-26T18:30:00.000Z', 1],
    ]);
    expect(pick(run.answer(2).body, 'totals.requests')).toBe(2);
  },
  'OK-tz-month': (run) => {
    expect(usedIntervals(run, 1)).toEqual([['2026-10-31T23:00:00.000Z', 1]]);
  },
  'OK-dst': (run) => {
    expect(usedIntervals(run, 2)).toEqual([
      ['2026-11-01T05:00:00.000Z', 1],
      ['2026-11-01T06:00:00.000Z', 1],
    ]);
  },
  'OK-apia': (run) => {
    const [row, ...others] = pickList(run.answer(1).body, 'data').filter((one) => pick(one, 'requests') !== 0);
    expect(others).toEqual([]);
    const lengthMs = Date.parse(String(pick(row, 'end'))) - Date.parse(String(pick(row, 'start')));
    expect(lengthMs).toBe(24 * HOUR_MS);
  },
  'OK-leap': (run) => {
    expect(usedIntervals(run, 2)).toEqual([
      ['2024-02-01T00:00:00.000Z', 1],
      ['2024-03-01T00:00:00.000Z', 1],
    ]);
  },
  'OK-week': (run) => {
    expect(usedIntervals(run, 2)).toEqual([['2025-12-29T00:00:00.000Z', 2]]);
  },
  'OK-budget-tz': ({ answer }) => {
    expect(answer(0).body).toMatchObject({
      period_start: '2025-12-31T10:00:00.000Z',
      period_end: '2026-12-31T10:00:00.000Z',
    });
    expect(answer(1).body).toMatchObject({
      period_start: '2026-09-30T18:15:00.000Z',
      period_end: '2026-12-31T18:15:00.000Z',
    });
  },
  'OK-tags-sum': ({ answer }) => {
    const groups = pickList(answer(2).body, 'data');
    const sum = groups.reduce<number>((total, group) => total + Number(pick(group, 'requests')), 0);
    expect(sum).toBe(pick(answer(2).body, 'totals.requests'));
    expect(groups).toHaveLength(2);
  },
  'OK-group-null': ({ answer }) => {
    const values = pickList(answer(3).body, 'data').map((row) => Object.values(Object(pick(row, 'group')))[0]);
    expect(values).toHaveLength(3);
    expect(values).toEqual(expect.arrayContaining(['', 'null', null]));
  },
  'OK-year': (run) => {
    expect(run.answer(0).status).toBe(200);
    refusalOf(run, 1, 'start');
    refusalOf(run, 2, 'timestamp');
  },
  'OK-idem-tenant': (run) => {
    expect(statusesOf(run, 0, 1)).toEqual([201, 201]);
    expect(pick(run.answer(0).body, 'id')).not.toBe(pick(run.answer(1).body, 'id'));
  },
  'OK-dup-batch': ({ answer }) => {
    const statuses = (step: number) => pickList(answer(step).body, 'data').map((item) => pick(item, 'status'));
    expect(statuses(0)).toEqual(['created', 'duplicate', 'created']);
    expect(statuses(1)).toEqual(['duplicate', 'created']);
  },
  'OK-void-id': (run) => {
    refusalOf(run, 1, 'id');
    expect(run.answer(2).status).toBe(201);
  },
  'OK-void-credit': (run) => {
    expect(statusesOf(run, 2, 3)).toEqual([201, 200]);
    expect(run.answer(4).body).toMatchObject({ available: '5' });
    expect(pick(run.answer(5).body, 'totals.cost')).toBe('0');
  },
};
