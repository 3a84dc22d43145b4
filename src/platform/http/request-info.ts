/** What the server adds to a request. */
export interface RequestInfo {
  requestId: string;
  /** The client's address; proxy headers count only where the configuration trusts them. */
  address: string;
  /** The template of the route that answers, `/v1/usage/{id}`: that route sets it. */
  route?: string;
}
