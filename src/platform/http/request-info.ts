/** What the server knows of a request beside the request itself. */
export interface RequestInfo {
  requestId: string;
  /** Where the request comes from, as far as the configuration trusts it. */
  address: string;
}
