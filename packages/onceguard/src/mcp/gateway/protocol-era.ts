import { asksForms } from "../server/elicitation.ts";
import { type JsonObject, objectAt, type RpcMessage } from "./json-rpc.ts";
import type { Era } from "./route.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const ENVELOPE = [VERSION, "io.modelcontextprotocol/clientInfo", CAPABILITIES];

/** What a host says of itself: since 2026-07-28 with every request, before that once, in its `initialize`. */
export interface HostSays {
  readonly era: Era;
  readonly asksForms: boolean;
  /** What every request has to carry in the host's era. */
  readonly envelope: JsonObject;
}

const UNKNOWN: HostSays = { era: "legacy", asksForms: false, envelope: {} };

export function hostSays(message: RpcMessage, initialized: HostSays = UNKNOWN): HostSays {
  const meta = objectAt(message.params, "_meta");
  if (meta?.[VERSION] === undefined) return initialized;
  const envelope = Object.fromEntries(ENVELOPE.filter((key) => meta[key] !== undefined).map((key) => [key, meta[key]]));
  return { era: "modern", asksForms: asksForms(objectAt(meta, CAPABILITIES) as never), envelope };
}

export function initializedHost(message: RpcMessage): HostSays {
  return { era: "legacy", asksForms: asksForms(objectAt(message.params, "capabilities") as never), envelope: {} };
}

/** A request of the gateway's own, as the host's era wants it. */
export function withEnvelope(params: JsonObject, envelope: JsonObject): JsonObject {
  if (Object.keys(envelope).length === 0) return params;
  return { ...params, _meta: { ...envelope, ...objectAt(params, "_meta") } };
}
