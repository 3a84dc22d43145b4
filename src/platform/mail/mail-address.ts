/** The maximum length of an address in a message's envelope (RFC 5321). */
const MAX_ADDRESS = 254;
const MAX_LOCAL = 64;
/** The characters of an unquoted local part (RFC 5322), and letters of any script (RFC 6531). */
const LOCAL = /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

/**
 * Returns one mailbox as `local@domain` in lower case, or null where the string is anything else: a
 * display name, a list, a comment, a quoted part, an address literal, white space or a control
 * character, each of which could carry a second recipient or a header into a message.
 */
export function readMailAddress(text: string): string | null {
  const address = text.normalize('NFC').toLowerCase();
  if (address.length > MAX_ADDRESS || Buffer.byteLength(address) > MAX_ADDRESS) return null;
  const [local = '', domain = '', ...more] = address.split('@');
  if (more.length > 0 || local.length > MAX_LOCAL || !LOCAL.test(local)) return null;
  return domain.split('.').every((label) => LABEL.test(label)) ? address : null;
}
