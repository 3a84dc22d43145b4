/** An event that is sent: one of the log, or a test. */
export interface SentEvent {
  /** UUID. */
  id: string;
  type: string;
  createdAt: Date;
  /** In camelCase, ids as TypeIDs. */
  data: Record<string, unknown>;
}
