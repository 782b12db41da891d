import type { HttpCommandOptions } from "../../http-options.ts";
import type { CommonOptions } from "../../session.ts";

/** What `onceguard gateway` takes. */
export interface GatewayCommandOptions extends CommonOptions, HttpCommandOptions {
  readonly header?: readonly string[];
  readonly principalHeader?: readonly string[];
  readonly tokenSubject?: boolean;
  readonly url?: string;
  readonly http?: string | true;
  readonly name?: string;
  readonly trust?: boolean;
  readonly rules?: readonly string[];
  readonly learn?: boolean;
  readonly window: string | number;
  /** `--no-key-argument`. */
  readonly keyArgument: boolean;
  readonly tenant: string;
  readonly actor?: string;
  readonly approvals: string;
  readonly reviewUrl?: string;
  readonly grace: string | number;
  readonly maxMessage: number;
  readonly quiet?: boolean;
}
