import {
  type BlastQuery,
  type BlastRadius,
  certaintyOf,
  type LaterTouch,
  obstacleOf,
  type PlanRow,
  type Touched,
  type UndoObstacle,
} from "../core/blast-radius.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import type { LogEntry } from "../core/ports.ts";
import { type Receipt, resultOf } from "../core/receipt.ts";
import { ATTEMPT_EVENTS, recordStates } from "../core/record-states.ts";
import { readPath } from "../core/request-id.ts";
import { atOnce } from "./at-once.ts";
import { isCompensation } from "./compensation.ts";
import { sha256 } from "./digest.ts";
import type { Runtime } from "./runtime.ts";

const PAGE = 500;
/** Requests looked at side by side. */
const AT_ONCE = 32;
/** Of what came later on a record, so much is listed. */
const MOST_LATER = 20;

/** Exactly the requests whose effect happened, or may have, by an attempt that fits the query. */
export async function blastRadius(runtime: Runtime, query: BlastQuery): Promise<BlastRadius> {
  const at = await runtime.store.now();
  const found = await atOnce(AT_ONCE, await candidates(runtime, query), (id) => touched(runtime, id));
  const rows = found.filter((row): row is Touched => row !== null && fits(row, query.where));
  const planned = rows.map(planRow);
  const token = planToken(query, planned);
  return { query, at, rows, token, plan: { token, query, at, rows: planned } };
}

function planRow({ receipt, place }: Touched): PlanRow {
  const { tenant, requestId, action, recordId, version } = receipt;
  return { tenant, requestId, action, recordId, version, place };
}

/** What a correction is bound to: any request more or less, and any change of one, makes another token. */
export function planToken(query: BlastQuery, rows: readonly PlanRow[]): string {
  // Through JSON, as a plan is that was written down in between.
  return sha256(canonicalJson(JSON.parse(JSON.stringify({ query, rows })) as JsonValue));
}

interface RequestKey {
  readonly tenant: string;
  readonly requestId: string;
}

/** Every request with an attempt that fits, by its first one: whoever made it, a retry by another run counts, too. */
async function candidates(runtime: Runtime, query: BlastQuery): Promise<readonly RequestKey[]> {
  const { where: _where, ...rest } = query;
  const found = new Map<string, RequestKey>();
  for (let after: number | undefined; ; ) {
    const page = await runtime.store.searchLog({
      ...rest,
      events: ATTEMPT_EVENTS,
      order: "oldest",
      after,
      limit: PAGE,
    });
    for (const { tenant, requestId, action } of page) {
      if (requestId === null || (query.action === undefined && isCompensation(action))) continue;
      found.set(`${tenant}\u0000${requestId}`, { tenant, requestId });
    }
    if (page.length < PAGE) return [...found.values()];
    after = page.at(-1)?.seq;
  }
}

async function touched(runtime: Runtime, { tenant, requestId }: RequestKey): Promise<Touched | null> {
  const { store } = runtime;
  const receipt = await store.find(tenant, requestId);
  const certainty = receipt && certaintyOf(receipt);
  if (receipt === null || certainty === null) return null;
  const history = await store.log(tenant, requestId);
  const { before, after, effectAt, effectSeq } = recordStates(history);
  const place = effectSeq ?? history[0]?.seq ?? 0;
  return {
    receipt,
    certainty,
    before: before === null ? undefined : JSON.parse(before),
    after: after === null ? undefined : JSON.parse(after),
    effectAt,
    place,
    later: await laterOn(runtime, receipt, place),
    obstacle: obstacleHere(runtime, receipt, history),
  };
}

/** As `obstacleOf` says, or because the code that would undo it is not here. */
export function obstacleHere(runtime: Runtime, receipt: Receipt, history: readonly LogEntry[]): UndoObstacle | null {
  const obstacle = obstacleOf(receipt, history);
  if (obstacle !== null && obstacle !== "after_unknown") return obstacle;
  const definition = runtime.actions.get(receipt.action);
  if (!definition) return "not_registered";
  return definition.compensate ? obstacle : "no_compensate";
}

async function laterOn(runtime: Runtime, receipt: Receipt, after: number): Promise<readonly LaterTouch[]> {
  const { tenant, recordId, requestId: own } = receipt;
  if (recordId === null) return [];
  const query = { tenant, recordId, events: ATTEMPT_EVENTS, order: "oldest", after, limit: 2 * MOST_LATER } as const;
  const later = new Map<string, LaterTouch>();
  for (const { requestId, action, actor, runId, at } of await runtime.store.searchLog(query)) {
    if (requestId === null || requestId === own || isCompensation(action) || later.has(requestId)) continue;
    later.set(requestId, { requestId, action, actor, runId, at });
  }
  return [...later.values()].slice(0, MOST_LATER);
}

function fits(row: Touched, where: BlastQuery["where"]): boolean {
  return Object.entries(where ?? {}).every(([path, value]) => read(row, path) === value);
}

function read({ receipt, before, after }: Touched, path: string): JsonValue | undefined {
  const payload = (receipt.payload === null ? null : JSON.parse(receipt.payload)) as JsonValue;
  const whole = { payload, result: resultOf(receipt) ?? null, before, after } as JsonObject;
  const isWhole = /^(payload|result|before|after)(\.|$)/.test(path);
  return isWhole ? readPath(whole, path) : readPath(payload, path);
}
