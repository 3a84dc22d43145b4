import { pageHeaders } from '../platform/http/page-headers.ts';

export const DOCS_HEADERS = pageHeaders({ scripts: ["'self'"] });

/** The script of the page, served as `/docs/start.js`: the page itself has no script inside. */
export const DOCS_SCRIPT = `// This script is at <prefix of a proxy>/docs/start.js.
const base = new URL('..', document.currentScript.src).href;
SwaggerUIBundle({
  url: base + 'v1/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  tryItOutEnabled: true,
  // A key that is typed in is forgotten with the page.
  persistAuthorization: false,
  // No badge of a validator that lives elsewhere.
  validatorUrl: null,
});
// An earlier version of this page kept the key.
localStorage.removeItem('authorized');
`;

/**
 * The API reference: Swagger UI from our own files, so it works with no internet. Its links are
 * relative, because a proxy may serve it below a prefix: `folder` is where its files are, as seen
 * from the page.
 */
export function docsPage(folder: './' | 'docs/'): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Meterr API</title>
    <link rel="stylesheet" href="${folder}swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="${folder}swagger-ui-bundle.js"></script>
    <script src="${folder}start.js"></script>
  </body>
</html>
`;
}
