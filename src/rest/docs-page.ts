/** The API reference: Swagger UI from our own files, so it works with no internet. */
export function docsPage(): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Meterr API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script>
      SwaggerUIBundle({ url: '/v1/openapi.json', dom_id: '#api', deepLinking: true, persistAuthorization: true });
    </script>
  </body>
</html>
`;
}
