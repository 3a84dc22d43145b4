import { expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';

it('an unknown name is refused on one line that names the nearest known one and hides the value', () => {
  expect(() => readConfig({ METERR_RETENTION_DAY: '77' })).toThrow(
    /^METERR_RETENTION_DAY is not a setting of Meterr: did you mean METERR_RETENTION_DAYS\?$/,
  );
  expect(() => readConfig({ METERR_NONSENSE_ALTOGETHER: '77' })).toThrow(
    /^METERR_NONSENSE_ALTOGETHER .*: remove it\.$/,
  );
});

it('names of the command line and of tests are let through', () => {
  expect(() => readConfig({ METERR_URL: 'x', METERR_API_KEY: 'x', METERR_TEST_SEED: '1' })).not.toThrow();
});

it.each(['pa#ss', 'pa/ss', 'pa@ss', 'pa%ss', 'pa?ss'])(
  'a password such as %s is refused on one line, unseen',
  (password) => {
    const read = () => readConfig({ DATABASE_URL: `postgresql://user:${password}@db.invalid:5432/meterr` });
    expect(read).toThrow(/^DATABASE_URL=\(hidden\) is invalid: .*%23.*$/);
  },
);

it('two hosts are refused, an encoded password and a socket folder are not', () => {
  expect(() => readConfig({ DATABASE_URL: 'postgresql://a.invalid,b.invalid/meterr' })).toThrow(/with one host\.$/);
  for (const url of ['postgresql://u:a%23b%2Fc@db.invalid/m', 'postgresql://meterr@localhost/m?host=/tmp/socket'])
    expect(() => readConfig({ DATABASE_URL: url })).not.toThrow();
});

it.each(['app.example.com', 'https://app.example.com/', 'https://a.example.com,,', 'https://a.example.com/x'])(
  'the CORS origins %s are refused on one line that says their form',
  (origins) => {
    expect(() => readConfig({ METERR_CORS_ORIGINS: origins })).toThrow(
      /^METERR_CORS_ORIGINS=.* is invalid: .*commas\.$/,
    );
    expect(readConfig({ METERR_CORS_ORIGINS: 'http://localhost:3000, *' }).corsOrigins).toHaveLength(2);
  },
);
