/** Who calls, as far as this server has verified it: from a token over HTTP, from the command line over stdio. */
export interface Principal {
  /** Whose receipts these are. Never taken from a payload. */
  readonly tenant: string;
  /** For the action log: a person, a service, the host at the other end of the pipe. */
  readonly name: string;
  /** May look at reviews of others and decide them. */
  readonly operator: boolean;
}
