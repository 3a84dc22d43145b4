import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWebhook, useReceiver } from '../doors/webhooks/webhook-answers.ts';
import { makeOrganization } from '../harness/make.ts';

// The code of docs/webhooks.md, run as it stands, against a message that was really sent. Each program
// gets the headers in the environment and the body on its standard input, and prints the event's id.

const ROOT = join(import.meta.dirname, '../..');
const TOOLS = join(ROOT, '.meterr/webhook-verifiers');
const GUIDE = readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8');

function snippet(language: string): string {
  const code = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(GUIDE)?.[1];
  if (!code) throw new Error(`docs/webhooks.md has no ${language}`);
  return code;
}

interface Language {
  name: string;
  /** What is missing; null where all is there. */
  missing(): string | null;
  /** Writes the program into a folder, and says how it is run there. */
  prepare(folder: string): Promise<[command: string, ...args: string[]]> | [command: string, ...args: string[]];
}

const python = join(TOOLS, 'python/bin/python');
const runs = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
/** Go compiles its library and net/http at first. */
const BUILD_TIMEOUT_MS = 180_000;
const HINT = 'run .ci/webhooks';

/** The library needs Go 1.21; Debian 12 has 1.19. */
const OLDEST_GO_MINOR = 21;

function hasGo(): boolean {
  if (!runs('go', 'version')) return false;
  const minor = /go1\.(\d+)/.exec(execFileSync('go', ['version'], { encoding: 'utf8' }))?.[1];
  return minor !== undefined && Number(minor) >= OLDEST_GO_MINOR;
}

const LANGUAGES: readonly Language[] = [
  {
    name: 'Node',
    missing: () => null,
    prepare(folder) {
      const end = `
import { text } from 'node:stream/consumers';
console.log(readEvent(await text(process.stdin), JSON.parse(process.env.HEADERS)).id);
`;
      writeFileSync(join(folder, 'verify.mjs'), snippet('js') + end);
      return [process.execPath, 'verify.mjs'];
    },
  },
  {
    name: 'Python',
    missing: () => (runs(python, '-c', 'import standardwebhooks') ? null : `standardwebhooks for Python: ${HINT}`),
    prepare(folder) {
      const end = `
import json
import sys

print(read_event(sys.stdin.buffer.read(), json.loads(os.environ["HEADERS"]))["id"])
`;
      writeFileSync(join(folder, 'verify.py'), snippet('python') + end);
      return [python, 'verify.py'];
    },
  },
  {
    name: 'Go',
    missing: () => (hasGo() && existsSync(join(TOOLS, 'go/go.sum')) ? null : `Go 1.21 and its library: ${HINT}`),
    async prepare(folder) {
      for (const file of ['go.mod', 'go.sum']) await copyFile(join(TOOLS, 'go', file), join(folder, file));
      writeFileSync(join(folder, 'read_event.go'), snippet('go'));
      writeFileSync(
        join(folder, 'main.go'),
        `package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	given := map[string]string{}
	if err := json.Unmarshal([]byte(os.Getenv("HEADERS")), &given); err != nil {
		log.Fatal(err)
	}
	headers := http.Header{}
	for name, value := range given {
		headers.Set(name, value)
	}
	body, _ := io.ReadAll(os.Stdin)
	event, err := readEvent(body, headers)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.ID)
}
`,
      );
      execFileSync('go', ['build', '-mod=mod', '-o', 'verify', '.'], { cwd: folder });
      return [join(folder, 'verify')];
    },
  },
  {
    name: 'Ruby',
    missing: () =>
      runs('ruby', '-I', join(TOOLS, 'ruby'), '-rstandardwebhooks', '-e', '') ? null : `Ruby and its library: ${HINT}`,
    prepare(folder) {
      const end = `
require "json"
puts read_event($stdin.read, JSON.parse(ENV.fetch("HEADERS")))["id"]
`;
      writeFileSync(join(folder, 'verify.rb'), snippet('ruby') + end);
      return ['ruby', '-I', join(TOOLS, 'ruby'), 'verify.rb'];
    },
  },
];

const tools = useReceiver();
let message: { body: string; headers: Record<string, string>; oldSecret: string; newSecret: string };

beforeAll(async () => {
  const { meterr, receiver } = tools();
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  const { id, secret: oldSecret } = await makeWebhook(meterr, organization, { url: receiver.url });
  const { secret: newSecret } = await meterr.ok<{ secret: string }>('POST', `/v1/webhooks/${id}/rotate-secret`, {
    key,
  });
  await meterr.ok('POST', `/v1/webhooks/${id}/test`, { key });
  const [sent] = receiver.received;
  message = { body: sent?.body ?? '', headers: sent?.headers as Record<string, string>, oldSecret, newSecret };
});

describe.each(LANGUAGES)('the code for $name', ({ name, missing, prepare }) => {
  const why = missing();
  if (why !== null) process.stdout.write(`Skipped: verifying webhooks in ${name}. Missing: ${why}\n`);
  // Below the root, so that Node finds the packages.
  const folder = why === null ? mkdtempSync(join(ROOT, '.meterr/verify-')) : '';
  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(why !== null)(
    'reads a message by either secret, and refuses a changed one and an unknown secret',
    async () => {
      const { body, headers, oldSecret, newSecret } = message;
      const [command, ...args] = await prepare(folder);
      const run = (input: string, secret: string) => {
        const env = { ...process.env, METERR_WEBHOOK_SECRET: secret, HEADERS: JSON.stringify(headers) };
        const { status, stdout } = spawnSync(command, args, { cwd: folder, input, env, encoding: 'utf8' });
        return { isRead: status === 0, id: stdout.trim() };
      };
      const read = { isRead: true, id: headers['webhook-id'] };
      const refused = { isRead: false, id: '' };
      expect(run(body, newSecret)).toEqual(read);
      expect(run(body, oldSecret)).toEqual(read);
      expect(run(body.replace('webhook.test', 'usage.exceeded'), newSecret)).toEqual(refused);
      expect(run(body, `whsec_${Buffer.alloc(32, 7).toString('base64')}`)).toEqual(refused);
    },
    BUILD_TIMEOUT_MS,
  );
});
