import type { Door } from "./door.ts";
import type { HttpLimits } from "./limits.ts";
import type { Principal } from "./principal.ts";

/** The options of the API with their defaults, and what it keeps while it lasts. */
export interface ApiSetup extends Door {
  /** Null: everybody who reaches it is `anonymous`. */
  readonly principal: ((request: Request) => Promise<Principal | null>) | null;
  readonly anonymous: Principal;
  readonly limits: HttpLimits;
  /** "" or "/guard". */
  readonly basePath: string;
  readonly console: boolean;
  readonly version: string;
  readonly report: (error: unknown) => void;
  readonly log: ((line: string) => void) | undefined;
  /** The last look at whether the store answers. */
  lastLook: { readonly at: number; readonly ok: Promise<boolean> } | null;
}
