import { createHash } from 'node:crypto';
import { pageHeaders } from '../../platform/http/page-headers.ts';
import { createStaticPage } from '../../platform/http/static-page.ts';
import { KEY_FORM, KEY_SCRIPT } from './graphiql-key.ts';

const DEFAULT_QUERY = `# Enter your API key above, then press the button to run this.

{ me { organization { name plan } scopes } }
`;

function hashOf(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
}

/**
 * GraphiQL: one self-contained page of 9 MB, which works with no internet. It is rendered when first
 * asked for, once.
 */
export const graphiqlPage = createStaticPage(async () => {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const page = renderGraphiQL({
    title: 'Meterr GraphQL',
    favicon: 'data:,',
    // No endpoint: it asks where it was loaded from, which may be below a prefix of a proxy.
    defaultQuery: DEFAULT_QUERY,
    shouldPersistHeaders: false,
    isHeadersEditorEnabled: false,
    // Subscriptions take the same way as queries, so the key is added to them as well.
    subscriptionsProtocol: 'SSE',
  });
  // A function, because the bundle is full of `$&` and the like.
  const root = '<div id="root"></div>';
  const html = page.replace(root, () => `${KEY_FORM}${root}<script>${KEY_SCRIPT}</script>`).replace(/\r\n?/g, '\n');
  const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script = '']) => hashOf(script));
  return { content: html, headers: pageHeaders({ scripts, workers: true }) };
});
