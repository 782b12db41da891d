import { canonicalJson } from "../core/canonical-json.ts";
import { leafHash } from "../core/merkle.ts";
import type { LogEntry } from "../core/ports.ts";
import { hmacHex, sha256Bytes, utf8 } from "./bytes.ts";

/**
 * An entry of the log as it is sealed: what it is about in the clear, and what may have to be forgotten one day as a keyed
 * digest. Without the key nobody can guess what was in it; with the entry and its key anybody can check that it is this.
 */
export interface Leaf {
  readonly v: 1;
  readonly seq: number;
  readonly at: number;
  readonly tenant: string;
  readonly request_id: string | null;
  readonly event: string;
  readonly state: string | null;
  readonly version: number;
  readonly fencing_token: number;
  readonly attempt_number: number;
  /** Action, record, run, actor, host, trace, cause and detail. */
  readonly about: string;
  /** Null: there was none. */
  readonly before: string | null;
  readonly after: string | null;
}

/** @param secret the store's. */
export function leafOf(entry: LogEntry, secret: string): Leaf {
  const { seq, at, tenant, requestId, event, state, version, fencingToken, attemptNumber, before, after } = entry;
  const { action, recordId, runId, actor, hostScope, hostCallId, traceId, cause, detail } = entry;
  const key = leafKey(secret, seq);
  const about = { action, recordId, runId, actor, hostScope, hostCallId, traceId, cause, detail };
  return {
    v: 1,
    seq,
    at,
    tenant,
    request_id: requestId,
    event,
    state,
    version,
    fencing_token: fencingToken,
    attempt_number: attemptNumber,
    about: hmacHex(key, `about:${canonicalJson(about)}`),
    before: before === null ? null : hmacHex(key, `before:${before}`),
    after: after === null ? null : hmacHex(key, `after:${after}`),
  };
}

/** One per entry, so that to disclose one entry discloses no other. */
export function leafKey(secret: string, seq: number): string {
  return hmacHex(secret, `onceguard/leaf/v1:${seq}`);
}

export function leafText(leaf: Leaf): string {
  return canonicalJson({ ...leaf });
}

export function hashOfLeaf(text: string): Uint8Array {
  return leafHash(sha256Bytes, utf8(text));
}
