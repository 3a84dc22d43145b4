import { createTransport } from 'nodemailer';

/** One message to one mailbox. */
export interface Mail {
  /** As `readMailAddress` returned it: nothing else may get here. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** Sends mails over SMTP. */
export interface Mailer {
  /**
   * Resolves when the server has taken the mail over.
   * @throws Error when it refuses, cannot be reached, or takes longer than the time-out
   */
  send(mail: Mail): Promise<void>;
}

export interface MailerOptions {
  /** `smtp://user:password@host:port`; `smtps:` for TLS from the start. */
  smtpUrl: string;
  /** `Meterr <meterr@example.com>` */
  from: string;
  /** Default: 10 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** A mailer with a connection for each mail: invites are few. */
export function createMailer({ smtpUrl, from, timeoutMs = TIMEOUT_MS }: MailerOptions): Mailer {
  const limits = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
  return {
    async send({ to, ...mail }) {
      const transport = createTransport(
        // The text of a message is ours: it names no file or address to read it from.
        { url: smtpUrl, ...limits, disableFileAccess: true, disableUrlAccess: true },
        { from },
      );
      const { promise: tooLate, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error(`the mail was not sent within ${timeoutMs} ms`)), timeoutMs);
      try {
        await Promise.race([transport.sendMail({ ...mail, to: { name: '', address: to } }), tooLate]);
      } finally {
        clearTimeout(timer);
        transport.close();
      }
    },
  };
}
