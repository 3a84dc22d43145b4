import type { Resources } from '../domain/context.ts';
import { acceptInvite } from '../domain/members/accept-invite.ts';
import { getInviteByToken } from '../domain/members/get-invite-by-token.ts';
import { ACCEPT_PATH } from '../domain/members/send-invite.ts';
import { translateError } from '../graphql/builder/errors.ts';
import { AppError, ERROR_STATUS, type ErrorCode, type FieldProblem } from '../platform/errors.ts';
import { mediaType, readBodyText, STRANGER_BODY_BYTES } from '../platform/http/http-body.ts';
import type { RequestInfo } from '../platform/http/request-info.ts';
import { ACCEPT_PAGE_HEADERS, acceptedPage, formPage, messagePage } from './accept-invite-page.ts';

const ALLOW = 'GET, HEAD, POST';
const FORM_TYPE = 'application/x-www-form-urlencoded';

const TITLES: ReadonlyMap<ErrorCode, string> = new Map<ErrorCode, string>([
  ['not_found', 'This link is no longer valid'],
  ['rate_limit_exceeded', 'Too many tries'],
]);
const HINTS: ReadonlyMap<ErrorCode, string> = new Map<ErrorCode, string>([
  [
    'not_found',
    'It was used, revoked, replaced by a newer one, or has expired. Ask whoever invited you for a new one.',
  ],
  ['rate_limit_exceeded', 'Too many links that are not valid came from your address. Try again in a minute.'],
]);

function show(status: number, html: string, more: Record<string, string> = {}): Response {
  return new Response(html, { status, headers: { ...ACCEPT_PAGE_HEADERS, ...more } });
}

function showFailure(error: unknown, resources: Resources, requestId: string): Response {
  const { message, extensions } = translateError(error, resources.log, requestId);
  const code = extensions.code as ErrorCode;
  const { retryAfterSeconds } = Object(extensions.details) as { retryAfterSeconds?: number };
  const headers: Record<string, string> = {};
  if (retryAfterSeconds !== undefined) headers['Retry-After'] = String(retryAfterSeconds);
  if (code === 'method_not_allowed') headers.Allow = ALLOW;
  const html = messagePage(TITLES.get(code) ?? 'That did not work', HINTS.get(code) ?? message);
  return show(ERROR_STATUS[code], html, headers);
}

/** `Your name must not be empty.`: the name is the only field that a person fills in. */
function describeProblem({ message, details }: AppError): string {
  const [field] = Object(details).fields as FieldProblem[];
  return field ? `Your ${field.path} ${field.message}.` : message;
}

async function readForm(request: Request): Promise<{ token: string; name: string }> {
  if (mediaType(request.headers.get('content-type')) !== FORM_TYPE) {
    throw new AppError('unsupported_media_type', `Send the form as ${FORM_TYPE}.`);
  }
  const form = new URLSearchParams(await readBodyText(request, STRANGER_BODY_BYTES));
  return { token: form.get('token') ?? '', name: form.get('name') ?? '' };
}

/**
 * The page at the link of an invite. Its GET shows a form and changes nothing, because mail programs
 * open links by themselves; its POST accepts, and shows the key once. It runs no script.
 */
export function createAcceptPage(resources: Resources): (request: Request, info: RequestInfo) => Promise<Response> {
  async function showForm(token: string, { address }: RequestInfo): Promise<Response> {
    const invite = await getInviteByToken({ resources, address }, token);
    return show(200, formPage(invite, token, { name: '', problem: null }));
  }

  async function accept(request: Request, { address }: RequestInfo): Promise<Response> {
    const { token, name } = await readForm(request);
    try {
      return show(200, acceptedPage(await acceptInvite({ resources, address }, { token, name })));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid_request') throw error;
      const invite = await getInviteByToken({ resources, address }, token);
      return show(400, formPage(invite, token, { name, problem: describeProblem(error) }));
    }
  }

  async function answer(request: Request, info: RequestInfo): Promise<Response> {
    const { method, url } = request;
    if (method === 'POST') return accept(request, info);
    if (method === 'GET' || method === 'HEAD') return showForm(new URL(url).searchParams.get('token') ?? '', info);
    if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { Allow: ALLOW } });
    throw new AppError('method_not_allowed', `This page takes ${ALLOW}.`);
  }

  return async (request, info) => {
    info.route = ACCEPT_PATH;
    const response = await answer(request, info).catch((error) => showFailure(error, resources, info.requestId));
    return request.method === 'HEAD' ? new Response(null, response) : response;
  };
}
