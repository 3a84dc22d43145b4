import { Command, CommanderError } from 'commander';
import { addBudgetCommands } from './commands/budgets.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addMemberCommands } from './commands/members.ts';
import { addOrganizationCommands } from './commands/organizations.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTailCommand } from './commands/tail.ts';
import { addTeamCommands } from './commands/teams.ts';
import { CliFailure, explain, USAGE_EXIT_CODE } from './session/failure.ts';
import { addGlobalOptions, withExamples } from './session/options.ts';
import type { Session } from './session/session.ts';
import { DEFAULT_URL, type GlobalOptions, readSettings } from './session/settings.ts';
import { printable } from './session/text.ts';

/** Where a run of the CLI writes, and how it learns that it is to end. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  interrupted(): AbortSignal;
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('meterr')
    .description('Manage Meterr over its API.')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err, outputError: () => {} })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: true });
  addGlobalOptions(program, DEFAULT_URL);
  const open = (command: Command): Session => {
    const options = command.optsWithGlobals<GlobalOptions>();
    return {
      settings: readSettings(options),
      isJson: options.json ?? false,
      write: (text) => terminal.out(`${text}\n`),
      note: (text) => terminal.err(`${text}\n`),
      interrupted: terminal.interrupted,
    };
  };
  addStatusCommand(program, open);
  addTailCommand(program, open);
  addOrganizationCommands(program, open);
  addKeyCommands(program, open);
  addTeamCommands(program, open);
  addMemberCommands(program, open);
  addBudgetCommands(program, open);
  return withExamples(program, 'status', 'team create Research', 'help key create');
}

/** What commander says of a command that it does not understand, in one line. */
function explainUsage({ message }: CommanderError): string {
  const said = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[.?]?$/, '.');
  return `meterr: ${printable(said)} See "npm run -s meterr -- --help".`;
}

/**
 * Runs one command.
 * @returns the exit code: 0; 1 where the API refused or could not be reached; 2 where the command was
 * not understood, or a setting is missing
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CliFailure) {
      terminal.err(`${explain(error)}\n`);
      return error.exitCode;
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    // Help that was shown because nothing was asked is answer enough.
    if (error.code !== 'commander.help') terminal.err(`${explainUsage(error)}\n`);
    return USAGE_EXIT_CODE;
  }
}
