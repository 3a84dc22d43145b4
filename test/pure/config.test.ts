import { isAbsolute } from 'node:path';
import { expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';

it('has defaults for everything: an empty environment will do', () => {
  const config = readConfig({});
  expect(config).toMatchObject({
    port: 4000,
    host: '127.0.0.1',
    databaseUrl: null,
    corsOrigins: ['*'],
    retentionDays: null,
  });
  expect(isAbsolute(config.dataDir)).toBe(true);
  expect(Object.isFrozen(config)).toBe(true);
});

it('takes an empty variable for one that is not set', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4000, databaseUrl: null });
});

it.each([
  ['PORT', 'eighty', 'a whole number from 0 to 65535'],
  ['PORT', '70000', 'a whole number from 0 to 65535'],
  ['PORT', '-1', 'a whole number from 0 to 65535'],
  ['PORT', '4000.5', 'a whole number from 0 to 65535'],
  ['DATABASE_URL', 'mysql://localhost/meterr', 'postgresql://'],
  ['METERR_LOG_LEVEL', 'loud', 'one of fatal'],
  ['METERR_TRUST_PROXY', 'true', 'the number of proxies'],
  ['METERR_TRUST_PROXY', '33', 'the number of proxies'],
  ['METERR_TRUST_PROXY', '10.0.0.0/8, nonsense', 'CIDR ranges'],
  ['METERR_METRICS_OPEN', 'yes', 'true or false'],
  ['METERR_PUBLIC_URL', 'meterr.example.com', 'a URL such as https'],
  ['METERR_PUBLIC_URL', 'https://meterr.example.com/?a=b', 'without query'],
  ['METERR_PUBLIC_URL', 'ftp://meterr.example.com', 'a URL such as https'],
  ['SMTP_URL', 'mail.example.com:587', 'a URL such as smtp'],
  ['METERR_MAIL_FROM', 'nobody', 'an address such as'],
  ['METERR_MAIL_FROM', 'Meterr <m@example.com>\tBcc: e@example.com', 'an address such as'],
  ['METERR_OPERATOR_KEY', 'short', 'at least 16 characters'],
  ['METERR_RETENTION_DAYS', '0', 'a whole number from 1'],
])('%s=%s is refused by name, with what it accepts', (name, value, accepted) => {
  expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name}=.*${accepted}`));
});

it.each<[string, unknown]>([
  ['', null],
  ['false', null],
  ['2', 2],
  ['10.0.0.0/8, 2001:db8::/32', ['10.0.0.0/8', '2001:db8::/32']],
])('METERR_TRUST_PROXY=%s says which proxies are believed', (value, trusted) => {
  expect(readConfig({ METERR_TRUST_PROXY: value }).trustProxy).toEqual(trusted);
});
