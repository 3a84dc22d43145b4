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
  ['METERR_PRICE_FEEDS', 'ftp://mirror.invalid/data.json', 'on, off, or URLs and files'],
  ['METERR_PRICE_FEEDS', 'on,off', 'on, off, or URLs and files'],
  ['METERR_PRICE_FEEDS', 'litellm=', 'on, off, or URLs and files'],
  ['METERR_PRICE_FEEDS', 'litellm=on,litellm=/srv/prices.json', 'on, off, or URLs and files'],
  ['METERR_OPERATOR_KEY', 'short', 'at least 16 characters'],
  ['METERR_RETENTION_DAYS', '0', 'a whole number from 1'],
  ['METERR_RATE_LIMIT_STORE', 'memcached', 'one of postgres, redis, memory'],
  ['METERR_RATE_LIMIT_STORE', 'redis', 'it needs REDIS_URL'],
  ['REDIS_URL', 'http://localhost', 'redis://'],
  ['METERR_PLAN_REQUESTS', 'pro', 'requests an hour by plan'],
  ['METERR_PLAN_REQUESTS', 'pro:0', 'a whole number from 1 to 1000000000'],
  ['METERR_PLAN_REQUESTS', 'pro:1000000001', 'a whole number from 1 to 1000000000'],
  ['METERR_PLAN_REQUESTS', 'pro:1e3', 'a whole number from 1'],
  ['METERR_PLAN_REQUESTS', 'pro:5:6', 'each of free, pro, enterprise'],
  ['METERR_PLAN_REQUESTS', 'pro:5,pro:6', 'at most once'],
  ['METERR_PLAN_REQUESTS', 'team:5', 'each of free, pro, enterprise'],
  ['METERR_PLAN_REQUESTS', 'constructor:5', 'each of free, pro, enterprise'],
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

it('requests are counted in Redis where there is one, else in PostgreSQL, or where the configuration says', () => {
  const REDIS_URL = 'redis://localhost';
  const storeOf = (env: Record<string, string>) => readConfig(env).rateLimitStore;
  expect(storeOf({})).toBe('postgres');
  expect(storeOf({ REDIS_URL })).toBe('redis');
  expect(storeOf({ REDIS_URL: '/run/redis/redis.sock' })).toBe('redis');
  expect(storeOf({ REDIS_URL: 'rediss://user:secret@cache.test:6380/2' })).toBe('redis');
  expect(storeOf({ REDIS_URL, METERR_RATE_LIMIT_STORE: 'postgres' })).toBe('postgres');
  expect(storeOf({ METERR_RATE_LIMIT_STORE: 'memory' })).toBe('memory');
});

it('a wrong REDIS_URL is not repeated, because it may hold a password', () => {
  expect(() => readConfig({ REDIS_URL: 'https://:a-password@cache' })).toThrow(/^REDIS_URL=\(hidden\)/);
});

it.each([
  ['', { free: 100, pro: 1_000, enterprise: null }],
  ['pro:1000000000', { free: 100, pro: 1_000_000_000, enterprise: null }],
  ['free:5 , enterprise:70', { free: 5, pro: 1_000, enterprise: 70 }],
  ['free:unlimited', { free: null, pro: 1_000, enterprise: null }],
])('METERR_PLAN_REQUESTS=%s changes the plans that it names', (value, requests) => {
  expect(readConfig({ METERR_PLAN_REQUESTS: value }).planRequests).toEqual(requests);
});

it('reads prices from both public sources, from nowhere, or from where it is told', () => {
  const feedsOf = (METERR_PRICE_FEEDS: string) =>
    readConfig({ METERR_PRICE_FEEDS }).priceFeeds.map(({ source, location, isOwn }) => [source, location, isOwn]);
  const publicHost = expect.stringMatching(/^https:\/\/raw\./);
  expect(feedsOf('')).toEqual([
    ['genai-prices', publicHost, false],
    ['litellm', publicHost, false],
  ]);
  expect(feedsOf('on')).toEqual(feedsOf(''));
  expect(feedsOf('off')).toEqual([]);
  expect(feedsOf('litellm=/srv/l.json, genai-prices=on')).toEqual([
    ['litellm', '/srv/l.json', true],
    ['genai-prices', publicHost, false],
  ]);
  expect(feedsOf('http://127.0.0.1:1/?a=b')).toEqual([[null, 'http://127.0.0.1:1/?a=b', true]]);
});
