import type { AnyAction } from "../core/action.ts";
import type { ExternalClaims } from "../pipeline/external-claim.ts";
import type { Guard } from "../pipeline/guard.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { Configured } from "./configured.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Metrics } from "./metrics.ts";
import type { Principal, Role } from "./principal.ts";
import type { SealedSource } from "./sealed.ts";
import type { Tallies } from "./tally.ts";

/** One thing the API does. What is said of it here checks requests, decides who may, and is the OpenAPI document. */
export interface Operation<Body = never> {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With `{id}` for what the path names. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Who may. Empty: everybody, without a key. */
  readonly roles: readonly Role[];
  readonly body?: JsonSchema;
  readonly query?: Readonly<Record<string, JsonSchema>>;
  readonly headers?: Readonly<Record<string, JsonSchema>>;
  /** What it answers with when all is well, by status. Problems are described once for all. */
  readonly answers: Readonly<Record<number, JsonSchema>>;
  /** With `Accept: text/plain` it answers so. */
  readonly alsoAsText?: boolean;
  /** Changes nothing, so a process that is stopping may still do it. */
  readonly readOnly?: boolean;
  run(call: Call<Body>): Promise<Response>;
}

/** One request as an operation sees it: checked, and by somebody who may. */
export interface Call<Body = never> {
  readonly body: Body;
  /** What the path names. */
  readonly id: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly request: Request;
  readonly principal: Principal;
  readonly service: Service;
  /** Fires when the caller leaves. For what only reads: effects go on. */
  readonly left: AbortSignal;
}

/** What all operations are handed. */
export interface Service {
  readonly guard: Guard;
  readonly actions: ReadonlyMap<string, AnyAction>;
  readonly external: ReadonlyMap<string, AnyAction>;
  readonly claims: ExternalClaims;
  readonly changes: ChangeFeed;
  /** Ways to end the streams that are open: they would keep a process that is stopping. */
  readonly streams: Set<() => void>;
  /** How often a stream that has nothing to say says so. */
  readonly heartbeatMs: number;
  readonly metrics: Metrics;
  readonly tallies: Tallies;
  /** Null: nobody has said, and the checklist cannot be answered. */
  readonly configured: Configured | null;
  /** Where a trace is shown: `{trace_id}` stands for its id. */
  readonly traceUrl: string | null;
  readonly version: string;
  /** Nobody has to say who they are. */
  readonly isOpen: boolean;
  /** Signs the settlement tokens of SafeAgent's routes; null: they are not asked for. */
  readonly settlementSecret: string | null;
  /** Null: there is none, and nothing can be exported. */
  readonly sealed: SealedSource | null;
  /** Longest time until a call is answered; what it does goes on. */
  readonly answerWithinMs: number;
  /** Whether this process is about to stop. */
  isDraining(): boolean;
  /** Whether it takes no new work any more. */
  isRefusing(): boolean;
  /** Whether the caller may still read: a stream lasts longer than the look at its key. */
  mayStill(request: Request, principal: Principal): Promise<boolean>;
}

/** Operations of different bodies in one list. */
export type AnyOperation = Operation<never>;
