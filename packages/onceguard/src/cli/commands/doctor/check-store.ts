import type { KeyRing } from "../../../core/key-ring.ts";
import type { Store } from "../../../core/ports.ts";
import { isLapsed, type Receipt, STATES, type State } from "../../../core/receipt.ts";
import { needsApproval } from "../../hold-words.ts";
import { openStore, type StoreTarget } from "../../open-store.ts";
import { span, timeText } from "../../output.ts";
import { type Check, ok, problem, warning } from "./check.ts";
import { checkKeyRing } from "./check-keys.ts";
import { checkRole } from "./check-role.ts";

/** Receipts are counted up to here; a doctor does not read a whole history. */
const COUNT_LIMIT = 1_000;
const PAGE = 100;

/** Past this, times in receipts and in logs of processes do not fit together. */
const CLOCK_WARNING_MS = 2_000;

export async function checkStore(target: StoreTarget, keys: KeyRing | undefined): Promise<Check[]> {
  const store = await openStore(target, false);
  try {
    const startedAt = performance.now();
    const { schemaVersion } = await store.open();
    const checks = [ok("store", `${store.name} answers in ${Math.ceil(performance.now() - startedAt)} ms`)];
    checks.push(ok("schema", `version ${schemaVersion}`), await checkWriting(store), await checkClock(store));
    if (target.kind === "postgres") checks.push(...(await checkRole(target.url)));
    if (keys) checks.push(await checkKeyRing(keys, store));
    return [...checks, ...(await checkStates(store)), ...(await checkStops(store))];
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

async function checkClock(store: Store): Promise<Check> {
  const before = Date.now();
  const there = await store.now();
  const off = there < before ? before - there : Math.max(0, there - Date.now());
  if (off < CLOCK_WARNING_MS) return ok("clock", "the store's and this machine's agree");
  return warning(
    "clock",
    `the store's and this machine's are ${span(off)} apart`,
    "Leases go by the store's, so nothing happens twice; but logs, signatures and tokens of this machine do not fit.",
    "Set up NTP on both: timedatectl status",
  );
}

/** What keeps things from happening, and that somebody may have forgotten. */
async function checkStops(store: Store): Promise<Check[]> {
  const checks: Check[] = [];
  const halts = await store.halts({ inForce: true, limit: PAGE });
  if (halts.length > 0) {
    const named = halts.slice(0, 3).map(({ scope, id }) => `${scope} ${id}`);
    const more = halts.length > 3 ? ` and ${number(halts.length - 3, PAGE - 3)} more` : "";
    const why = "Nothing of it is claimed or sent, in any process.";
    checks.push(warning("halted", `${named.join(", ")}${more}`, why, "onceguard halt --list"));
  }
  const epoch = await store.epoch();
  if (epoch !== null) {
    const since = `since the restore of ${timeText(epoch.restoredAt)}`;
    const found = `a request without a record is a question, ${since}`;
    const why = "New requests are not executed until they are settled, or the restore is ended.";
    checks.push(warning("restored", found, why, "onceguard restore --status"));
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
  const waits = (n: number, name: string, what: string, why: string, mend: string): void => {
    if (n > 0) checks.push(warning(name, `${number(n)} ${what}`, why, mend));
  };
  const open = "Whoever asks again waits for it, and nothing is sent.";
  waits(lapsed, "lapsed", "past the lease: a process died", open, "onceguard reconcile");
  waits(doubtful, "in doubt", "may have happened", open, "onceguard reconcile");
  waits(inReview, "in review", "waiting for a person", "No machine can tell whether it happened.", "onceguard review");
  waits(held, "held", "waiting for approval", "It is not sent until somebody agrees.", "onceguard review");
  if (conflicts > 0) {
    const why = "The record says one thing and the world another: it may have happened twice, or never.";
    const found = `${conflicts} with evidence that contradicts the record`;
    checks.push(problem("conflict", found, why, "onceguard receipts --conflict, then look at each"));
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
