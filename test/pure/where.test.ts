import { expect, it } from 'vitest';
import { where } from '../../src/platform/postgres/where.ts';

it('values are numbered in the order in which their conditions come, and a step changes no earlier one', () => {
  const own = where('organization_id = $?', 'o').and('deleted_at IS NULL');
  const later = own.and('(a, b) > ($?, $?::int)', 'x', 2);
  expect(later.text).toBe('organization_id = $1 AND deleted_at IS NULL AND (a, b) > ($2, $3::int)');
  expect(later.values).toEqual(['o', 'x', 2]);
  expect(own.values).toEqual(['o']);
});

it('a condition with more places than values, or fewer, is refused', () => {
  expect(() => where('a = $?')).toThrow();
  expect(() => where('a = $?', 1).and('true', 2)).toThrow();
});
