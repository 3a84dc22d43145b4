/**
 * A source was not imported. `unreachable`: it could not be read; `invalid`: what it said cannot be
 * right. The message is for the log, in one line.
 */
export class FeedFailure extends Error {
  override readonly name = 'FeedFailure';
  readonly outcome: 'unreachable' | 'invalid';

  constructor(outcome: FeedFailure['outcome'], message: string) {
    super(message);
    this.outcome = outcome;
  }
}
