import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';
import { exchangeMoney, findExchange } from '../../src/domain/costs/exchange.ts';

const ratesOf = (METERR_EXCHANGE_RATES: string) => readConfig({ METERR_EXCHANGE_RATES });
const amounts = fc.oneof(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.bigInt({ min: -50n, max: 50n }));
/** A rate as its digits, and as the fraction that they write. */
const rates = fc
  .record({ digits: fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }), places: fc.integer({ min: 0, max: 18 }) })
  .map(({ digits, places }) => {
    const text = digits.toString().padStart(places + 1, '0');
    const whole = text.slice(0, text.length - places).slice(-12);
    const fraction = text.slice(text.length - places);
    const written = places === 0 ? whole : `${whole}.${fraction}`;
    return { written, numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(places) };
  })
  .filter(({ numerator }) => numerator > 0n);

describe('an amount in another currency', () => {
  it('is the nearest one at 18 places, the even one of two that are as near, and symmetric about 0', () => {
    fc.assert(
      fc.property(amounts, rates, (amount, { written, numerator, denominator }) => {
        const exchange = findExchange(ratesOf(`EUR:${written}@2026-11-27`), 'EUR');
        const given = exchangeMoney(amount, exchange);
        const missed = given * denominator - amount * numerator;
        const twice = 2n * (missed < 0n ? -missed : missed);
        expect(twice <= denominator).toBe(true);
        if (twice === denominator) expect(given % 2n).toBe(0n);
        expect(exchangeMoney(-amount, exchange)).toBe(-given);
      }),
      { numRuns: 300 },
    );
  });

  it('rounds halves to even in both directions', () => {
    const half = findExchange(ratesOf('XTS:0.5@2026-11-27'), 'XTS');
    expect([1n, 2n, 3n, 5n, -1n, -3n, -5n].map((amount) => exchangeMoney(amount, half))).toEqual([
      0n,
      1n,
      2n,
      2n,
      0n,
      -2n,
      -2n,
    ]);
  });

  it('is the amount itself in USD', () => {
    const config = ratesOf('EUR:0.8612@2026-11-27');
    for (const currency of ['USD', null, undefined]) {
      expect(findExchange(config, currency)).toBeNull();
      expect(exchangeMoney(-7n, findExchange(config, currency))).toBe(-7n);
    }
  });
});

describe('METERR_EXCHANGE_RATES', () => {
  it('gives each currency its rate, without zeros that say nothing, and its day', () => {
    const config = ratesOf('EUR:0.86120@2026-11-27, JPY:0156@2024-02-29');
    expect(findExchange(config, 'EUR')).toEqual({ currency: 'EUR', rate: '0.8612', date: '2026-11-27' });
    expect(findExchange(config, 'JPY')).toEqual({ currency: 'JPY', rate: '156', date: '2024-02-29' });
  });

  it.each(['GBP', 'eur', '', 'constructor', 'EUR '])(
    'a currency without a rate (%j) is refused with those there are',
    (currency) => {
      const refused = (config: ReturnType<typeof readConfig>, named: string) =>
        expect(() => findExchange(config, currency)).toThrow(
          expect.objectContaining({
            code: 'invalid_request',
            details: { fields: [{ path: 'currency', message: `there is no rate for it; there are: ${named}` }] },
          }),
        );
      refused(ratesOf('JPY:156@2026-11-27,EUR:0.8612@2026-11-27'), 'USD, EUR, JPY');
      refused(readConfig({}), 'USD');
    },
  );

  it.each([
    ['EUR', 'must have the form CODE:RATE@DATE'],
    ['EUR:0.86', 'must have the form CODE:RATE@DATE'],
    ['EUR:0.86@2026-11-27,', 'must have the form CODE:RATE@DATE'],
    ['EUR:0.86@2026-11-27;GBP:0.75@2026-11-27', 'must have the form CODE:RATE@DATE'],
    ['eur:0.86@2026-11-27', 'three upper-case letters'],
    ['EURO:0.86@2026-11-27', 'three upper-case letters'],
    ['USD:1@2026-11-27', 'money is stored in USD'],
    ['EUR:0.86@2026-11-27,EUR:0.87@2026-11-28', 'EUR must be named once'],
    ['EUR:0@2026-11-27', 'a decimal above 0'],
    ['EUR:0.0@2026-11-27', 'a decimal above 0'],
    ['EUR:-0.86@2026-11-27', 'a decimal above 0'],
    ['EUR:8e-1@2026-11-27', 'a decimal above 0'],
    ['EUR:.86@2026-11-27', 'a decimal above 0'],
    ['EUR:0,86@2026-11-27', 'must have the form CODE:RATE@DATE'],
    ['EUR:0.1234567890123456789@2026-11-27', '18 behind it'],
    ['EUR:1234567890123@2026-11-27', '12 digits before the point'],
    ['EUR:0.86@2026-02-29', 'a day that exists'],
    ['EUR:0.86@2026-13-01', 'a day that exists'],
    ['EUR:0.86@27.11.2026', 'a day that exists'],
    ['EUR:0.86@2026-11-27T00:00:00Z', 'must have the form CODE:RATE@DATE'],
  ])('%s is refused in one line that names the variable, the entry and the fix', (value, fix) => {
    expect(() => ratesOf(value)).toThrow(ConfigError);
    expect(() => ratesOf(value)).toThrow(/^METERR_EXCHANGE_RATES=.* is invalid: it must be .*EUR:0.8612@.*; in ".*$/);
    expect(() => ratesOf(value)).toThrow(fix);
  });
});
