/** A server, message by message, however it is reached. */
export interface Upstream {
  /** `full`: taken, and it reads more slowly than it is sent to; `gone`: it reads no more, and nothing was sent. */
  send(text: string): "sent" | "full" | "gone";
  /** Stops reading its output until told to go on. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<Ending>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
