import { printable } from './text.ts';

/** Of a command that was not understood; the others end with 1. */
export const USAGE_EXIT_CODE = 2;

/** Why a command ends without success, in words for a terminal. */
export class CliFailure extends Error {
  override readonly name: string = 'CliFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command, or a setting that it needs, is missing or invalid. */
export function usageFailure(message: string): CliFailure {
  return new CliFailure(message, USAGE_EXIT_CODE);
}

export interface FieldProblem {
  path: string;
  message: string;
}

/** The server cannot be reached, or what answers is not Meterr. */
export class Unreachable extends CliFailure {
  override readonly name = 'Unreachable';
}

/** What the API refused. */
export class ApiFailure extends CliFailure {
  override readonly name = 'ApiFailure';
  readonly status: number;
  readonly code: string;
  readonly fields: readonly FieldProblem[];
  readonly requestId: string | null;
  /** After how many seconds the API wants to be asked again; null where it says nothing. */
  readonly retryAfterSeconds: number | null;

  constructor(answer: {
    status: number;
    code: string;
    message: string;
    fields: readonly FieldProblem[];
    requestId: string | null;
    retryAfterSeconds: number | null;
  }) {
    super(answer.message);
    this.status = answer.status;
    this.code = answer.code;
    this.fields = answer.fields;
    this.requestId = answer.requestId;
    this.retryAfterSeconds = answer.retryAfterSeconds;
  }
}

/** One line for a failure; where the API refused several fields, a line for each besides. */
export function explain(failure: CliFailure): string {
  const first = `meterr: ${printable(failure instanceof ApiFailure ? explainApi(failure) : failure.message)}`;
  const fields = failure instanceof ApiFailure && failure.fields.length > 1 ? failure.fields : [];
  return [first, ...fields.map(({ path, message }) => `  ${printable(`${path}: ${message}`)}`)].join('\n');
}

function explainApi({ status, code, message, requestId }: ApiFailure): string {
  const request = requestId === null ? '' : `, request ${requestId}`;
  return `${code}: ${message} (HTTP ${status}${request})`;
}
