import { createContext, runInContext } from 'node:vm';
import { expect, it } from 'vitest';
import { KEY_SCRIPT } from '../../src/graphql/graphiql/graphiql-key.ts';

const KEY = 'mtr_live_00secret';

/** The parts of a browser that the script uses. Storage is an object, as `Object.keys` sees it there. */
function openPage(stored: Record<string, string> = {}) {
  const sent: { url: string; authorization: string | null }[] = [];
  const field = { value: '', focused: 0, focus: () => field.focused++ };
  let submit: (event: { preventDefault(): void }) => void = () => {};
  const form = { addEventListener: (_: string, listener: typeof submit) => (submit = listener) };
  const localStorage = Object.defineProperties(Object.assign({}, stored), {
    getItem: { value: (name: string) => Reflect.get(localStorage, name) ?? null },
    setItem: { value: (name: string, value: string) => Reflect.set(localStorage, name, value) },
    removeItem: { value: (name: string) => Reflect.deleteProperty(localStorage, name) },
  }) as Record<string, string>;
  const elements = new Map<string, object>([
    ['key-form', form],
    ['key', field],
    ['key-state', { textContent: '' }],
  ]);
  const addresses: string[] = [];
  const window = {
    fetch: async (url: string, { headers }: RequestInit = {}) => {
      sent.push({ url, authorization: new Headers(headers).get('authorization') });
    },
  };
  const page = {
    window,
    document: { getElementById: (id: string) => elements.get(id), querySelector: () => null },
    location: new URL('http://meterr.test/graphql'),
    history: { replaceState: (_: object, __: string, url: string) => addresses.push(url) },
    localStorage,
    URL,
    Headers,
    Request,
  };
  runInContext(KEY_SCRIPT, createContext(page));
  const useKey = (key: string) => {
    field.value = key;
    submit({ preventDefault() {} });
  };
  return { page, sent, field, localStorage, addresses, useKey };
}

it('GraphiQL’s requests wait for the key, carry it, and the key is stored nowhere', async () => {
  const { page, sent, field, localStorage, useKey } = openPage();
  const waiting = page.window.fetch('/graphql', {});
  expect({ sent, focused: field.focused }).toEqual({ sent: [], focused: 1 });
  useKey(` ${KEY} `);
  await waiting;
  await page.window.fetch('http://meterr.test/graphql', { headers: { accept: 'text/event-stream' } });
  expect(sent.map(({ authorization }) => authorization)).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`]);
  expect(JSON.stringify(localStorage)).not.toContain(KEY);
});

it('the key goes to this server’s GraphQL only', async () => {
  const { page, sent, useKey } = openPage();
  useKey(KEY);
  for (const url of ['https://elsewhere.example/graphql', '/docs']) await page.window.fetch(url);
  expect(sent.map(({ authorization }) => authorization)).toEqual([null, null]);
});

it('a reload keeps the tabs: queries do not go into the address, where they would be run', () => {
  const { page, addresses, localStorage } = openPage({ 'graphiql:tabState': '{"tabs":[1]}', 'graphiql:queries': '[]' });
  page.history.replaceState({}, '', 'http://meterr.test/graphql?query=x');
  expect(addresses).toEqual([]);
  expect(Object.keys(localStorage)).toEqual(['graphiql:tabState', 'graphiql:queries']);
});

it('a key that an earlier version of the page stored is removed', () => {
  const { localStorage } = openPage({
    'graphiql:headers': '{}',
    'graphiql:queries': `{"Authorization":"Bearer ${KEY}"}`,
    'graphiql:theme': 'dark',
  });
  expect(Object.keys(localStorage)).toEqual(['graphiql:theme']);
});
