import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../wait-until.ts';
import { findFreePort } from './free-port.ts';

const NGINX = '/usr/sbin/nginx';

/** Null where nginx can be run; else why the tests of it are skipped. */
export function whyNoNginx(): string | null {
  const { status } = spawnSync(NGINX, ['-v']);
  return status === 0 ? null : 'nginx is not installed (Debian: apt-get install nginx-light)';
}

export interface NginxProcess {
  /** Of the prefix, without a slash at its end. */
  url: string;
  stop(): Promise<void>;
}

/** nginx before a server, below a prefix that it takes away, with connections that are kept alive. */
export async function startNginx(target: number, prefix: string): Promise<NginxProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'meterr-nginx-'));
  const port = await findFreePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const settings = `
    daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http {
      access_log off; ${paths.join(' ')}
      map $http_upgrade $meterr_connection { default upgrade; '' ''; }
      upstream meterr { server 127.0.0.1:${target}; keepalive 16; }
      server {
        listen 127.0.0.1:${port};
        location ${prefix}/ {
          proxy_pass http://meterr/;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $meterr_connection;
        }
        location /plain/ { proxy_pass http://127.0.0.1:${target}/; }
      }
    }`;
  await writeFile(join(folder, 'nginx.conf'), settings);
  const child = spawn(NGINX, ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await waitUntil('nginx answers', () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );
  return {
    url: `${url}${prefix}`,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGQUIT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
