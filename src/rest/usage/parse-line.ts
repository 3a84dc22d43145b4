import { AppError, type FieldProblem } from '../../platform/errors.ts';
import { parseJson } from '../../platform/json/json.ts';

/** A line that is not JSON is one bad item, not the end of the others. */
export class BadLine {
  readonly problems: FieldProblem[];

  constructor(problems: FieldProblem[]) {
    this.problems = problems;
  }
}

/** Reads a line of NDJSON: a value, or why it is none. */
export function parseLine(line: string): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { fields = [] } = (error.details ?? {}) as { fields?: FieldProblem[] };
    const inWords = ({ path, message }: FieldProblem) => ({
      path,
      message: message.replace('The body is', 'The line is'),
    });
    return new BadLine(fields.map(inWords));
  }
}
