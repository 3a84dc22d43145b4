import { createStaticPage } from '../../platform/http/static-page.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';

/**
 * GraphiQL: one self-contained text of 9 MB, which works with no internet. It is rendered when
 * first asked for, once.
 */
export const graphiqlPage = createStaticPage(
  async () => {
    const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
    return renderGraphiQL({
      title: 'Meterr GraphQL',
      endpoint: GRAPHQL_PATH,
      defaultQuery:
        '# Set your key in the Headers tab: {"Authorization": "Bearer mtr_live_..."}\n\n{ me { organization { name } scopes } }\n',
      subscriptionsProtocol: 'WS',
    });
  },
  { contentType: 'text/html; charset=utf-8' },
);
