import type { Contender } from "../measure.ts";

/** What one would otherwise use for the same unit of work, as its own documentation advises. */
export interface Other {
  readonly name: string;
  /** The page whose advice is followed. */
  readonly advice: string;
  /** What has to be known to read its figures. */
  readonly note: string;
  /** On an empty database of its own; null where something that it needs is missing here. */
  start(url: string): Promise<Started | null>;
}

export interface Started {
  /** From the request to a result that the engine has recorded; the effect does nothing. */
  readonly first: Contender;
  /** The same request again, answered from what was recorded; null where it has no such thing. */
  readonly replay: Contender | null;
  close(): Promise<void>;
}
