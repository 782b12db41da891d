import { randomBytes } from "node:crypto";
import { createRequestStateCodec, type ServerContext } from "@modelcontextprotocol/server";
import type { Principal } from "../server/principal.ts";

/**
 * What a client keeps for us between two rounds of one call: signed, bound to who asks, and no secret. `approval`: our
 * own question, good for one version of the record. `round`: a question of the upstream's, by its number; the upstream's
 * own state stays here, so that nobody can hand it in twice.
 */
export type GatewayState =
  | { readonly kind: "approval"; readonly call: string; readonly requestId: string; readonly version: number }
  | { readonly kind: "round"; readonly call: string; readonly round: number };

export interface StateCodec {
  mint(state: GatewayState, who: Principal): Promise<string>;
  /** Null when it is not ours, not this caller's, or too old. */
  read(state: unknown, who: Principal): Promise<GatewayState | null>;
}

/** A person may take this long. */
const TTL_S = 1_800;

/** @param key at least 32 bytes; random by default, for the life of the process. */
export function stateCodec(key: string | undefined): StateCodec {
  const codec = createRequestStateCodec<GatewayState>({
    key: key ?? randomBytes(32),
    ttlSeconds: TTL_S,
    bind: (context) => JSON.stringify(context),
  });
  // The codec hands its context to `bind` and to nothing else.
  const boundTo = ({ tenant, name }: Principal): ServerContext => ["gateway", tenant, name] as unknown as ServerContext;
  return {
    mint: (state, who) => codec.mint(state, boundTo(who)),
    read: async (state, who) => {
      if (typeof state !== "string") return null;
      try {
        return await codec.verify(state, boundTo(who));
      } catch {
        return null;
      }
    },
  };
}
