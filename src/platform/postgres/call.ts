import type { Statement } from './database.ts';

/** What the driver sends: a Buffer in binary form, everything else as a string. */
export type Value = Buffer | string | number | boolean | null;

/** One parameter of a database function: its name and type there, and its value in one call. */
export type CallParameter<Input> = readonly [name: string, type: string, valueIn: (input: Input) => Value];

/** A call of a database function, to be prepared. */
export interface Call<Input> {
  functionName: string;
  parameters: readonly CallParameter<Input>[];
  statement(input: Input): Statement;
}

/**
 * A call that names every parameter, so that two of one type cannot be swapped unseen. Its text is
 * made once; one call costs a function call for each value, and no object but the statement's.
 * @param name of the prepared statement
 * @param select the query around the call; by default the rows of the function's answer
 */
export function defineCall<Input>(
  name: string,
  functionName: string,
  parameters: readonly CallParameter<Input>[],
  select = (call: string) => `SELECT * FROM ${call}`,
): Call<Input> {
  const named = parameters.map(([parameter, type], index) => `${parameter} => $${index + 1}::${type}`);
  const text = select(`${functionName}(${named.join(', ')})`);
  const readers = parameters.map(([, , read]) => read);
  return {
    functionName,
    parameters,
    statement: (input) => ({ name, text, values: readers.map((read) => read(input)) }),
  };
}
