import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** A mail as it arrived. */
export interface ReceivedMail {
  from: string;
  to: string[];
  /** Whether TLS had begun, by STARTTLS. */
  isSecure: boolean;
  user: string | undefined;
  raw: string;
}

/** A real SMTP server on a port of its own. */
export interface MailServer {
  port: number;
  received: ReceivedMail[];
  close(): Promise<void>;
}

export interface MailServerOptions {
  key: string;
  cert: string;
  /** Recipients that it refuses. */
  refused?: readonly string[];
}

/** Takes the user `meterr` with the password `a secret`, and no mail before TLS and login. */
export async function startMailServer({ key, cert, refused = [] }: MailServerOptions): Promise<MailServer> {
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    key,
    cert,
    onAuth({ username, password }, _session, done) {
      if (username === 'meterr' && password === 'a secret') done(null, { user: username });
      else done(new Error('wrong password'));
    },
    onRcptTo({ address }, _session, done) {
      done(refused.includes(address) ? new Error('there is no such mailbox') : null);
    },
    onData(stream, { envelope, secure, user }, done) {
      buffer(stream).then((raw) => {
        received.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          isSecure: secure,
          user: user?.toString(),
          raw: raw.toString(),
        });
        done();
      }, done);
    },
  });
  // A client that does not trust the certificate breaks off.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
