import { createHash } from 'node:crypto';
import { describeRole } from '../domain/access/roles.ts';
import { MAX_NAME_CHARACTERS } from '../domain/input/read-name.ts';
import type { AcceptedInvite } from '../domain/members/accept-invite.ts';
import type { TokenInvite } from '../domain/members/get-invite-by-token.ts';
import { formatExpiry } from '../domain/members/invite-mail.ts';
import { escapeHtml } from '../platform/http/escape-html.ts';
import { pageHeaders } from '../platform/http/page-headers.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --quiet: #5b6472; --paper: #f4f5f7; --card: #fff; --line: #dfe3e8; --accent: #0f766e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --quiet: #9aa3af; --paper: #12151a; --card: #1a1f26; --line: #2c333d; --accent: #2dd4bf; }
  button { color: #06201d !important; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { width: 100%; max-width: 30rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 36px 40px; }
.brand { color: var(--accent); font-weight: 600; font-size: 15px; letter-spacing: .02em; margin: 0 0 8px; }
h1 { font-size: 24px; line-height: 1.3; margin: 0 0 12px; overflow-wrap: anywhere; }
p { margin: 0 0 16px; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: 14px; }
label { display: block; font-weight: 600; margin: 24px 0 6px; }
input[type=text] { width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button { font: inherit; font-weight: 600; color: #fff; background: var(--accent); border: 0; border-radius: 8px; padding: 12px 24px; margin: 20px 0 8px; cursor: pointer; }
.problem { color: #b91c1c; font-weight: 600; margin: 12px 0 0; }
a { color: var(--accent); }
code { font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.key { display: block; padding: 14px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; overflow-wrap: anywhere; user-select: all; }
`;
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** Nobody keeps these pages, whose address or content is a secret, and no search engine lists them. */
export const ACCEPT_PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...pageHeaders({ scripts: [], styles: [STYLE_HASH], hasForm: true }),
  'Cache-Control': 'no-store',
  'X-Robots-Tag': 'noindex',
};

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="brand">Meterr</p>
<h1>${escapeHtml(title)}</h1>
${content}
</main>
</body>
</html>
`;
}

const roleInHtml = (invite: Pick<TokenInvite, 'role'>) =>
  describeRole(invite.role).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

/** The form that accepts an invite. `problem` says what was wrong with the last try. */
export function formPage(invite: TokenInvite, token: string, given: { name: string; problem: string | null }): string {
  const [team, organization, email] = [invite.teamName, invite.organizationName, invite.email].map(escapeHtml);
  const problem = given.problem === null ? '' : `<p class="problem" role="alert">${escapeHtml(given.problem)}</p>`;
  return page(
    `Join ${invite.teamName}`,
    `<p><strong>${email}</strong> is invited to the team <strong>${team}</strong> of ${organization}, with the role <strong>${invite.role}</strong>.</p>
<form method="post" action="accept">
<input type="hidden" name="token" value="${escapeHtml(token)}">
<label for="name">Your name</label>
<input type="text" id="name" name="name" value="${escapeHtml(given.name)}" required maxlength="${MAX_NAME_CHARACTERS}" autocomplete="name" autofocus>
${problem}
<button type="submit">Accept the invitation</button>
</form>
<p class="quiet">You get an API key of your own. The role ${invite.role} holds ${roleInHtml(invite)}. The link works once, until ${formatExpiry(invite.expiresAt)}.</p>`,
  );
}

/** What accepting made, with the key that is shown this once. */
export function acceptedPage({ member, apiKey }: AcceptedInvite): string {
  return page(
    `Welcome, ${member.name}`,
    `<p>You are a member now, with the role <strong>${member.role}</strong>. This is your API key:</p>
<p><code class="key">${escapeHtml(apiKey.secret)}</code></p>
<p><strong>Keep it now: it is not shown again.</strong> Whoever has it can do what you can.</p>
<p class="quiet">Send it as <code>Authorization: Bearer ...</code>; the <a href="../docs">reference</a> says what it can do.</p>`,
  );
}

/** A page that says one thing. */
export function messagePage(title: string, message: string): string {
  return page(title, `<p>${escapeHtml(message)}</p>`);
}
