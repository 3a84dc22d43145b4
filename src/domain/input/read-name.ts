import { invalidField } from '../../platform/errors.ts';

export const MAX_NAME_CHARACTERS = 100;

/**
 * Returns the name of a team or organization without surrounding white space.
 * @throws AppError invalid_request unless it has 1 to 100 characters that PostgreSQL can store
 */
export function readName(text: string): string {
  const name = text.trim();
  const length = [...name].length;
  if (length === 0) throw invalidField('name', 'must not be empty');
  if (length > MAX_NAME_CHARACTERS) throw invalidField('name', `must have at most ${MAX_NAME_CHARACTERS} characters`);
  if (name.includes('\0') || !name.isWellFormed()) {
    throw invalidField('name', 'must not contain NUL or unpaired surrogates');
  }
  return name;
}
