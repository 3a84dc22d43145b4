/** The key of the operator, where a test gives a server one. */
export const OPERATOR_KEY = 'operator-key-of-the-tests';
