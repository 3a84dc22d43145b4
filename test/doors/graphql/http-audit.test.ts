import { serverAudits } from 'graphql-http';
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';

// The public suite of GraphQL over HTTP (npm graphql-http), over a real socket.
const meterr = useTestApp({ through: 'socket' });

const AUDITS = 61;
const withKey: typeof fetch = (url, init) => {
  const headers = new Headers(init?.headers);
  headers.set('authorization', `Bearer ${meterr().adminKey}`);
  const { pathname, search } = new URL(String(url));
  return meterr().fetch(`${pathname}${search}`, { ...init, headers });
};

const audits = serverAudits({ url: 'http://meterr.test/graphql', fetchFn: withKey });

describe('GraphQL over HTTP', () => {
  it(`has ${AUDITS} audits`, () => {
    expect(audits).toHaveLength(AUDITS);
  });

  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s %s', async (_id, _name, audit) => {
    const result = await audit.fn();
    // The response is no part of what is expected, and cannot be printed.
    expect({ ...result, response: null }).toMatchObject({ status: 'ok', response: null });
  });
});
