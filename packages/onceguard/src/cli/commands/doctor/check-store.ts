import { existsSync } from "node:fs";
import type { Store } from "../../../core/ports.ts";
import { isLapsed, type Receipt, STATES, type State } from "../../../core/receipt.ts";
import { needsApproval } from "../../hold-words.ts";
import { openStore, type StoreTarget } from "../../open-store.ts";
import { span, timeText } from "../../output.ts";
import { type Check, ok, problem, warning } from "./check.ts";

/** Receipts are counted up to here; a doctor does not read a whole history. */
const COUNT_LIMIT = 1_000;
const PAGE = 100;

/** Past this, times in receipts and in logs of processes do not fit together. */
const CLOCK_WARNING_MS = 2_000;

export async function checkStore(target: StoreTarget): Promise<Check[]> {
  if (target.kind === "sqlite" && !existsSync(target.path)) {
    return [ok("store", `sqlite:${target.path} is not there yet; the first use makes it`)];
  }
  const store = await openStore(target, false);
  try {
    const startedAt = performance.now();
    const { schemaVersion } = await store.open();
    const checks = [ok("store", `${store.name} answers in ${Math.ceil(performance.now() - startedAt)} ms`)];
    checks.push(ok("schema", `version ${schemaVersion}`), await checkWriting(store));
    return [...checks, ...(await checkClock(store)), ...(await checkStates(store)), ...(await checkStops(store))];
  } finally {
    await store.close();
  }
}

/** A renewal of a claim that nobody has: a write with all its rights, which changes nothing. */
async function checkWriting(store: Store): Promise<Check> {
  const startedAt = performance.now();
  await store.renew([{ tenant: "default", requestId: "onceguard doctor", fencingToken: -1, leaseMs: 1 }]);
  return ok("writing", `works, in ${Math.ceil(performance.now() - startedAt)} ms`);
}

/** Only a receipt carries the store's time. */
async function checkClock(store: Store): Promise<Check[]> {
  const before = Date.now();
  const [any] = await store.list({ limit: 1 });
  if (!any) return [];
  const off = any.readAt < before ? before - any.readAt : Math.max(0, any.readAt - Date.now());
  if (off < CLOCK_WARNING_MS) return [ok("clock", "the store's and this machine's agree")];
  return [
    warning(
      "clock",
      `the store's and this machine's are ${span(off)} apart`,
      "Safety does not depend on it; set up NTP so that logs fit together.",
    ),
  ];
}

/** What keeps things from happening, and that somebody may have forgotten. */
async function checkStops(store: Store): Promise<Check[]> {
  const checks: Check[] = [];
  const halts = await store.halts({ inForce: true, limit: PAGE });
  if (halts.length > 0) {
    const named = halts.slice(0, 3).map(({ scope, id }) => `${scope} ${id}`);
    const more = halts.length > 3 ? ` and ${number(halts.length - 3, PAGE - 3)} more` : "";
    checks.push(warning("halted", `${named.join(", ")}${more}`, "onceguard halt --list"));
  }
  const epoch = await store.epoch();
  if (epoch !== null) {
    const since = `since the restore of ${timeText(epoch.restoredAt)}`;
    checks.push(
      warning("restored", `a request without a record is a question, ${since}`, "onceguard restore --status"),
    );
  }
  return checks;
}

function number(n: number, limit: number = COUNT_LIMIT): string {
  return n >= limit ? `${limit} or more` : String(n);
}

async function checkStates(store: Store): Promise<Check[]> {
  const counts = new Map<State, number>();
  let conflicts = 0;
  for (const state of STATES) {
    const tally = await tallyOf(store, state);
    counts.set(state, tally.counted);
    conflicts += tally.conflicts;
  }
  const words = [...counts].filter(([, n]) => n > 0).map(([state, n]) => `${number(n)} ${state}`);
  const checks = [ok("receipts", words.join(", ") || "none yet")];
  const lapsed = (await store.list({ states: ["running"], limit: COUNT_LIMIT })).filter(isLapsed).length;
  const doubtful = counts.get("in_doubt") ?? 0;
  const inReview = counts.get("review") ?? 0;
  const held = (await store.list({ states: ["held"], limit: COUNT_LIMIT })).filter(needsApproval).length;
  if (lapsed > 0)
    checks.push(warning("lapsed", `${number(lapsed)} past the lease: a process died`, "onceguard reconcile"));
  if (doubtful > 0) checks.push(warning("in doubt", `${number(doubtful)} may have happened`, "onceguard reconcile"));
  if (inReview > 0) checks.push(warning("in review", `${number(inReview)} waiting for a person`, "onceguard review"));
  if (held > 0) checks.push(warning("held", `${number(held)} waiting for approval`, "onceguard review"));
  if (conflicts > 0) {
    checks.push(
      problem(
        "conflict",
        `${conflicts} with evidence that contradicts the record`,
        "onceguard receipts --conflict, then look at each",
      ),
    );
  }
  return checks;
}

async function tallyOf(store: Store, state: State): Promise<{ counted: number; conflicts: number }> {
  let counted = 0;
  let conflicts = 0;
  let after: Receipt | undefined;
  do {
    const page = await store.list({ states: [state], limit: PAGE, after });
    counted += page.length;
    conflicts += page.filter(({ conflict }) => conflict).length;
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after && counted < COUNT_LIMIT);
  return { counted, conflicts };
}
