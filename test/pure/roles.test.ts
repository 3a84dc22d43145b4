import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isEnumType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { describeRole, isRoleAbove, MEMBER_ROLES, ROLE_SCOPES } from '../../src/domain/access/roles.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { schema } from '../../src/graphql/schema.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('what a role may', () => {
  it('is what the table of docs/members.md says, scope by scope', async () => {
    const text = await readFile(join(ROOT, 'docs/members.md'), 'utf8');
    const rows = SCOPES.map((scope) => {
      const cells = MEMBER_ROLES.map((role) => (ROLE_SCOPES[role].includes(scope) ? 'yes' : ''));
      return `| \`${scope}\` | ${cells.join(' | ')} |`;
    });
    expect(text).toContain(`| scope | ${MEMBER_ROLES.join(' | ')} |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n`);
  });

  it('is what both doors say', async () => {
    const type = schema.getType('MemberRole');
    const values = isEnumType(type) ? type.getValues() : [];
    expect(values.map(({ value }) => value)).toEqual([...MEMBER_ROLES]);
    for (const { value, description } of values) expect(description).toBe(`Holds ${describeRole(value)}.`);
    const openapi = await readFile(join(ROOT, 'openapi.json'), 'utf8');
    for (const role of MEMBER_ROLES) expect(openapi).toContain(`\`${role}\` holds ${describeRole(role)}`);
  });

  it('is as its sentence says, and never the scope admin', () => {
    const reads = SCOPES.filter((scope) => scope.endsWith(':read'));
    expect(describeRole('owner')).toBe('every scope but `admin`');
    expect(ROLE_SCOPES.admin).toEqual(SCOPES.filter((scope) => scope !== 'admin'));
    expect(describeRole('member')).toBe('`usage:write` and every `:read` scope');
    expect(ROLE_SCOPES.member).toEqual(['usage:write', ...reads]);
    expect(describeRole('viewer')).toBe('every `:read` scope');
    expect(ROLE_SCOPES.viewer).toEqual(reads);
  });

  it('goes down from owner to viewer', () => {
    expect(isRoleAbove('owner', 'admin')).toBe(true);
    expect(isRoleAbove('admin', 'admin')).toBe(false);
    expect(isRoleAbove('viewer', 'member')).toBe(false);
  });
});
