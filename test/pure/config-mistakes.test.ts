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

it.each([
  ['meterr_data_dir', 'METERR_DATA_DIR'],
  ['METER_LOG_LEVEL', 'METERR_LOG_LEVEL'],
  ['METERR-LOG-LEVEL', 'METERR_LOG_LEVEL'],
  ['METERR_PORT', 'PORT'],
  ['METERR_DATABASE_URL', 'DATABASE_URL'],
  ['database_url', 'DATABASE_URL'],
])('%s is refused: %s is meant', (name, meant) => {
  expect(() => readConfig({ [name]: 'x' })).toThrow(`${name} is not a setting of Meterr: write ${meant}.`);
});

it.each(['port', 'host', 'METER_READING', 'Path'])('%s is of other programs and is let through', (name) => {
  expect(readConfig({ [name]: '80' }).port).toBe(4000);
});

it.each([
  ['4000\r', 'ends with a line break: save its file with Unix line ends (LF).'],
  ['4000 ', 'begins or ends with a space: remove it.'],
  [' ', 'begins or ends with a space: remove it.'],
  ['"4000"', 'has quotes around its value that nothing takes away: remove them.'],
])('PORT=%j is refused on one line', (value, fault) => {
  expect(() => readConfig({ PORT: value })).toThrow(`PORT ${fault}`);
});

it.each([
  ['postgresql://u:p@h:99999/d', 'with a port up to 65535'],
  ['postgresql://u:p@h:abc/d', 'with a port up to 65535'],
  ['postgresql:///d', 'with a host'],
  ['postgresql://h/d?sslmode=on', 'with an sslmode of disable, allow'],
  ['jdbc:postgresql://h/d', 'a URL such as postgresql://'],
])('%s is refused as DATABASE_URL', (url, expected) => {
  expect(() => readConfig({ DATABASE_URL: url })).toThrow(expected);
});

it.each(['postgresql://h/d', 'postgresql://u@[::1]:5432/d?sslmode=require', 'postgres:///d?host=/run/postgresql'])(
  '%s is a DATABASE_URL',
  (url) => expect(readConfig({ DATABASE_URL: url }).databaseUrl).toBe(url),
);

it('a data folder has no characters that a shell reads', () => {
  for (const name of ['a"b', 'a$b', 'a`b']) {
    expect(() => readConfig({ METERR_DATA_DIR: name })).toThrow(/^METERR_DATA_DIR=.* it must be a folder whose name/);
  }
  expect(readConfig({ METERR_DATA_DIR: "späce and 'more'" }).dataDir).toContain("späce and 'more'");
});
