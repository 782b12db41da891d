import data from "./retries.json" with { type: "json" };

/** Something that runs code again. */
export interface RetryFamily {
  id: string;
  family: string;
  packages: string[];
  /** What happens when nobody configures anything. */
  default: string;
  reruns: string;
  /** 0 harmless by itself, 1 the client side only, 2 conditional, 3 runs the code again by itself. */
  weight: number;
  stableId?: string;
  note?: string;
}

export const RETRIES_VERSION: string = data.version;
export const RETRIES: ReadonlyMap<string, RetryFamily> = new Map(
  (data.retries as unknown as RetryFamily[]).map((one) => [one.id, one]),
);

export function retryFamily(id: string): RetryFamily {
  const known = RETRIES.get(id);
  return known ?? { id, family: "entry", packages: [], default: "", reruns: "", weight: 2 };
}
