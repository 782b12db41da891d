import type { Action } from "../core/action.ts";
import { attributionOf, causeOfRepeat } from "../core/attribution.ts";
import { lineOf, lineWithoutRecord } from "../core/log-line.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Clock, NewLogEntry, Store } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Runtime, SideLines } from "./runtime.ts";

/** How long lines gather. A process that dies loses that much of them: they tell of calls, and never of effects. */
const FLUSH_MS = 250;
/** Most lines of one flush: what a storm of replays can cost. Those beyond are counted in one line. */
const MOST_LINES = 256;

interface Gathered {
  readonly line: NewLogEntry;
  times: number;
}

interface SideLogNeeds {
  readonly clock: Clock;
  readonly store: Store;
  /** Lets a flush go on that nobody waits for. */
  readonly inBackground: (flush: Promise<void>) => void;
}

/**
 * The part of the action log that is about calls which change nothing: replayed, refused, proposed. They cost no commit of
 * their own: they are gathered, equal ones counted, and written together a moment later.
 */
export class SideLog implements SideLines {
  readonly #runtime: SideLogNeeds;
  /** By request; few lines of one request differ. */
  #lines = new Map<string | null, Gathered[]>();
  #size = 0;
  /** By tenant: whose storm it was. */
  #unlisted = new Map<string, number>();
  #cancel: (() => void) | null = null;

  constructor(runtime: SideLogNeeds) {
    this.#runtime = runtime;
  }

  add(line: NewLogEntry): void {
    const ofRequest = this.#lines.get(line.requestId);
    const known = ofRequest?.find((one) => isSame(one.line, line));
    if (known) known.times += 1;
    else if (this.#size >= MOST_LINES) this.#unlisted.set(line.tenant, (this.#unlisted.get(line.tenant) ?? 0) + 1);
    else this.#keep(line, ofRequest);
    this.#cancel ??= this.#runtime.clock.after(FLUSH_MS, () => this.#runtime.inBackground(this.flush()));
  }

  #keep(line: NewLogEntry, ofRequest: Gathered[] | undefined): void {
    const gathered = { line, times: 1 };
    if (ofRequest) ofRequest.push(gathered);
    else this.#lines.set(line.requestId, [gathered]);
    this.#size += 1;
  }

  /** Resolves when what was added before is in the store. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    const lines = [...[...this.#lines.values()].flat().map(counted), ...[...this.#unlisted].map(unlisted)];
    this.#lines = new Map();
    this.#size = 0;
    this.#unlisted = new Map();
    await Promise.all(lines.map((line) => this.#runtime.store.append(line)));
  }
}

/** Their members are all plain. */
function isSame(a: NewLogEntry, b: NewLogEntry): boolean {
  for (const name in a) if (a[name as keyof NewLogEntry] !== b[name as keyof NewLogEntry]) return false;
  return true;
}

function counted({ line, times }: Gathered): NewLogEntry {
  if (times === 1) return line;
  const detail = line.detail === null ? {} : (JSON.parse(line.detail) as object);
  return { ...line, detail: JSON.stringify({ ...detail, times }) };
}

function unlisted([tenant, times]: readonly [string, number]): NewLogEntry {
  const nobody = { runId: null, actor: null, hostScope: null, hostCallId: null, traceId: null, cause: null };
  const nothing = { tenant, requestId: null, action: null, recordId: null };
  return lineWithoutRecord({ ...nothing, ...nobody }, "unlisted", JSON.stringify({ times }));
}

/** A call that was answered from the record, and made no attempt of its own. */
export function logReplay(runtime: Runtime, receipt: Receipt, action: Action): void {
  if (runtime.sideLog === null) return;
  runtime.sideLog.add(lineOf(receipt, "replayed", {}, attributionOf(action, causeOfRepeat(receipt, action))));
}

/** A call that was refused before it could write anything. */
export function logRefusal(runtime: Runtime, action: Omit<Action, "fingerprint">, outcome: Outcome): void {
  if (outcome.status === "mismatch") logCall(runtime, action, "mismatch", null);
  if (outcome.status === "halted") {
    logCall(runtime, action, "refused", { halted: outcome.halt.scope, id: outcome.halt.id });
  }
  if (outcome.status === "denied" && outcome.receipt === null) {
    logCall(runtime, action, "refused", { denied: outcome.reason });
  }
}

/** What somebody wanted to know, or to do; nothing came of it. */
export function logCall(
  runtime: Runtime,
  action: Omit<Action, "fingerprint">,
  event: "proposed" | "refused" | "mismatch",
  detail: object | null,
): void {
  const { tenant, requestId, recordId, definition, cause } = action;
  const about = { tenant, requestId, recordId, action: definition.name, ...attributionOf(action, cause) };
  runtime.sideLog?.add(lineWithoutRecord(about, event, detail && JSON.stringify(detail)));
}
