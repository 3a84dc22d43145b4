import { escapeHtml } from '../platform/http/escape-html.ts';
import { pageHeaders } from '../platform/http/page-headers.ts';

export const HOME_HEADERS = pageHeaders({ scripts: [] });

/**
 * What a person sees who opens the server in a browser, at `url`. Its links are relative, because a
 * proxy may serve it below a prefix.
 */
export function homePage(url: string, version: string): string {
  const curl = `curl ${url}/v1/usage \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500}'`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Meterr</title>
    <style>
      :root { color-scheme: light dark; }
      body { font: 1rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; }
      pre { overflow-x: auto; padding: 1rem; border: 1px solid #8884; border-radius: 0.5rem; }
      dt { font-weight: 600; }
      dd { margin: 0 0 0.75rem; }
    </style>
  </head>
  <body>
    <h1>Meterr</h1>
    <p>The open AI cost-tracking API, version ${escapeHtml(version)}, runs here.</p>
    <dl>
      <dt><a href="docs">/docs</a></dt>
      <dd>The reference of REST, where each request can be tried.</dd>
      <dt><a href="graphql">/graphql</a></dt>
      <dd>GraphiQL, to ask the same in GraphQL.</dd>
      <dt><a href="v1/openapi.json">/v1/openapi.json</a></dt>
      <dd>The reference for programs.</dd>
      <dt><a href="health/ready">/health/ready</a></dt>
      <dd>Whether the server and its database answer.</dd>
    </dl>
    <h2>Record your first usage event</h2>
    <p>
      The first start printed an API key and kept it in <code>.meterr/api-key</code>:
      <code>export KEY=$(cat .meterr/api-key)</code>, then
    </p>
    <pre>${escapeHtml(curl)}</pre>
  </body>
</html>
`;
}
