import { type Command, InvalidArgumentError, Option } from 'commander';

export const PLANS = ['free', 'pro', 'enterprise'] as const;
export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export const PERIODS = ['day', 'week', 'month', 'quarter', 'year', 'total'] as const;

/** Reads a whole number. @throws InvalidArgumentError */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Reads `a,b,c`. @throws InvalidArgumentError */
export function commaList(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => item !== '')) return items;
  throw new InvalidArgumentError('It must be a list, separated by commas.');
}

export function limitOption(): Option {
  return new Option('--limit <rows>', 'maximum number of rows').argParser(wholeNumber(1, 10_000)).default(100);
}

/** A command's help ends with an example of it. */
export function withExamples(command: Command, ...examples: string[]): Command {
  const lines = examples.map((example) => `  $ npm run -s meterr -- ${example}`);
  const title = examples.length > 1 ? 'Examples' : 'Example';
  return command.addHelpText('after', `\n${title}:\n${lines.join('\n')}`);
}

/** The options that stand before or after any command. */
export function addGlobalOptions(command: Command, defaultUrl: string): Command {
  return command
    .option('--url <url>', `address of the server (METERR_URL; default ${defaultUrl})`)
    .option('--key <key>', 'API key (METERR_API_KEY; else the first key of a server on this machine)')
    .option('--operator-key <key>', 'operator key, for "org" (METERR_OPERATOR_KEY)')
    .option('--json', "print the API's own JSON");
}
