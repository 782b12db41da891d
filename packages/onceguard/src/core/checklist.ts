import { type AnyAction, capabilityOf, promiseOf } from "./action.ts";
import type { CheckedBudgets } from "./budget.ts";
import { durationText } from "./duration-text.ts";
import type { Route } from "./failure.ts";
import type { RiskTier } from "./policy.ts";
import { DEFAULT_RETRY } from "./retry.ts";

/**
 * The five questions before production, answered for one action by how it and the guard are configured. `no`: the
 * configuration leaves it open. `unknown`: it depends on what only a caller says.
 */
export type ChecklistAnswer = "yes" | "no" | "unknown";

/** A part of an answer. */
export interface ChecklistPoint {
  readonly answer: ChecklistAnswer;
  /** What is so, in words. */
  readonly found: string;
  /** The line of configuration that says so. */
  readonly by: string | null;
  /** What to add: to answer the question, or, where it is answered, to answer it better. */
  readonly add: string | null;
}

export interface ChecklistItem {
  readonly number: number;
  readonly question: string;
  /** The weakest of its points. */
  readonly answer: ChecklistAnswer;
  readonly points: readonly ChecklistPoint[];
}

export interface ActionChecklist {
  readonly action: string;
  readonly riskTier: RiskTier;
  readonly promise: string;
  readonly items: readonly ChecklistItem[];
}

/** What the guard's configuration says about all actions. */
export interface ChecklistSetup {
  readonly store: {
    readonly name: string;
    readonly durable: boolean;
    /** Where its log is: `table onceguard_log`. */
    readonly log: string;
  };
  /** The names of the notifiers of each route. */
  readonly notified: Readonly<Partial<Record<Route, readonly string[]>>>;
  readonly budgets: CheckedBudgets;
  /** The folder for outcomes that the store did not take; null: nowhere. */
  readonly spill: string | null;
}

export const QUESTIONS = [
  "What is the idempotency key of each write, and does the other side honour it (and for how long)?",
  "After how many attempts and how much elapsed time does it stop, and where does it go then?",
  "What window keeps it from acting on the same record twice in one cycle?",
  "Which failure categories can it meet: which one retries, which goes to whom, which halts the run?",
  "What does a complete action log entry look like, and where is it kept so that it survives a failed run?",
] as const;

export function checklist(action: AnyAction, setup: ChecklistSetup): ActionChecklist {
  const answers = action.riskTier === "safe" ? ofSafe(action) : ofEffect(action, setup);
  return {
    action: action.name,
    riskTier: action.riskTier,
    promise: promiseOf(action.riskTier, capabilityOf(action)),
    items: answers.map((points, n) => ({
      number: n + 1,
      question: QUESTIONS[n] as string,
      answer: weakest(points),
      points,
    })),
  };
}

/** The questions that a checklist leaves open, over all its actions. */
export function unanswered(
  lists: readonly ActionChecklist[],
): readonly { readonly action: string; readonly number: number }[] {
  return lists.flatMap(({ action, items }) =>
    items.filter(({ answer }) => answer !== "yes").map(({ number }) => ({ action, number })),
  );
}

function weakest(points: readonly ChecklistPoint[]): ChecklistAnswer {
  for (const answer of ["no", "unknown"] as const) if (points.some((point) => point.answer === answer)) return answer;
  return "yes";
}

function yes(found: string, by: string | null, add: string | null = null): ChecklistPoint {
  return { answer: "yes", found, by, add };
}

function no(found: string, add: string): ChecklistPoint {
  return { answer: "no", found, by: null, add };
}

function unknown(found: string, add: string): ChecklistPoint {
  return { answer: "unknown", found, by: null, add };
}

/** Nothing is claimed, so nothing is kept: it may repeat. */
function ofSafe(action: AnyAction): readonly (readonly ChecklistPoint[])[] {
  const by = 'riskTier: "safe"';
  return [
    [yes("None is needed: it may repeat.", by)],
    [yes(`${budgetWords(action)} Then the caller is told that it failed; nobody has to look.`, retryLine(action))],
    [yes("None is needed: it may act on the same record as often as it likes.", by)],
    [yes("Transient failures are retried; all others are the caller's answer.", by)],
    [yes("It leaves none: there is no effect to explain.", by)],
  ];
}

function ofEffect(action: AnyAction, setup: ChecklistSetup): readonly (readonly ChecklistPoint[])[] {
  return [
    [keyPoint(action), downstreamPoint(action)],
    attemptPoints(action),
    windowPoints(action, setup),
    failurePoints(action, setup),
    logPoints(action, setup),
  ];
}

function keyPoint({ riskTier, keyFields, key }: AnyAction): ChecklistPoint {
  if (keyFields) return yes(`The business key: ${keyFields.join(", ")}.`, `keyFields: ${JSON.stringify(keyFields)}`);
  if (key) return yes("The business key, made by code of yours.", "key: (payload) => [...]");
  if (riskTier === "irreversible") {
    return yes(
      "The request id that each caller has to give; a call without one is refused.",
      'riskTier: "irreversible"',
      'keyFields: ["..."], so that it does not rest on every caller naming the intent, and not the attempt',
    );
  }
  return unknown(
    "Whatever the caller gives: a request id, the host's call id, or else the content. The last two change when an agent plans again.",
    'keyFields: ["..."], the fields that name the intended effect',
  );
}

function downstreamPoint(action: AnyAction): ChecklistPoint {
  const { downstreamKey, probe, settleDelayMs } = action;
  switch (capabilityOf(action)) {
    case "transaction":
      return yes("Nothing is sent: claim, effect and receipt are one commit.", "transaction: true");
    case "probe":
      return yes(
        `It need not: the probe asks whether it happened; its "no" counts ${settleDelayMs === 0 ? "at once" : `${durationText(settleDelayMs)} after the attempt`}.`,
        probeLine(settleDelayMs),
      );
    case "none":
      return yes(
        "Nothing is known of the other side, so it is sent at most once; a crash becomes a question for a person.",
        "no downstreamKey, no probe",
        "downstreamKey (the other side dedupes by our key) or probe (it can be asked): then no person is needed",
      );
    default: {
      const { lifetimeMs = 0, marginMs = 0, repeatsErrors, provider } = downstreamKey ?? {};
      const whose = provider === null || provider === undefined ? "The other side dedupes" : `${provider} dedupes`;
      const asked = probe ? ", and where it cannot, the probe decides" : "";
      const errors = repeatsErrors
        ? " It repeats its errors under the same key: after a 5xx nothing is sent again."
        : "";
      const again = lifetimeMs >= FOREVER_MS ? "" : `; it is sent again within ${durationText(lifetimeMs - marginMs)}`;
      return yes(
        `${whose} by it ${forText(lifetimeMs)}${again}${asked}.${errors}`,
        keyLine(lifetimeMs, marginMs, provider ?? null),
        probe === null && repeatsErrors ? "probe, to settle those without a person" : null,
      );
    }
  }
}

/** As long as a provider's contract means by "forever". */
const FOREVER_MS = 36_500 * 86_400_000;

function forText(ms: number): string {
  return ms >= FOREVER_MS ? "for good" : `for ${durationText(ms)}`;
}

function probeLine(settleDelayMs: number): string {
  return settleDelayMs === 0 ? "probe" : `probe, settleDelay: "${durationText(settleDelayMs)}"`;
}

function keyLine(lifetimeMs: number, marginMs: number, provider: string | null): string {
  if (provider !== null) return `downstreamKey: provider("${provider}")`;
  return `downstreamKey: { lifetime: "${durationText(lifetimeMs)}", margin: "${durationText(marginMs)}" }`;
}

function budgetWords({ retry, timeoutMs }: AnyAction): string {
  const { maxAttempts, maxElapsedMs, baseMs, capMs } = retry;
  const each = `each at most ${durationText(timeoutMs)}`;
  if (maxAttempts === 1) return `After one attempt, ${each.slice(5)}.`;
  return `After ${maxAttempts} attempts or ${durationText(maxElapsedMs)}, whichever comes first; ${each}, one after the other, with waits from ${durationText(baseMs)} to ${durationText(capMs)}.`;
}

function retryLine({ retry }: AnyAction): string {
  const line = `retry: { maxAttempts: ${retry.maxAttempts}, maxElapsed: "${durationText(retry.maxElapsedMs)}" }`;
  const isDefault = (Object.keys(DEFAULT_RETRY) as (keyof typeof DEFAULT_RETRY)[]).every(
    (name) => retry[name] === DEFAULT_RETRY[name],
  );
  return isDefault ? `${line} (the default)` : line;
}

function attemptPoints(action: AnyAction): readonly ChecklistPoint[] {
  return [
    yes(budgetWords(action), retryLine(action)),
    yes(`Then into review, as retries_exhausted, for the operator.${uncertainWords(action)}`, null),
  ];
}

/** What may have happened has a way of its own, which no number of attempts shortens. */
function uncertainWords(action: AnyAction): string {
  switch (capabilityOf(action)) {
    case "none":
      return " What may have happened is not tried again, and goes there at once.";
    case "transaction":
      return "";
    case "downstream_key":
      return " What may have happened is sent again under its key, and goes there when the key or the attempts run out.";
    default:
      return " What may have happened is asked about until then, and goes there if nobody can tell.";
  }
}

function windowPoints(action: AnyAction, { budgets }: ChecklistSetup): readonly ChecklistPoint[] {
  const { maxRepeatsPerRecord: repeats } = budgets;
  const point = windowPoint(action);
  if (repeats === null || action.record === null) return [point];
  const words = `One run may do it ${repeats === 1 ? "once" : `${repeats} times`} to one record; then the run is halted.`;
  return [point, yes(words, `budgets.maxRepeatsPerRecord: ${repeats}`)];
}

function windowPoint({ dedup, record, key, keyFields, riskTier }: AnyAction): ChecklistPoint {
  if (dedup === "none") {
    return yes("None, by your word: another key on the same record is another effect.", 'dedupWindow: "none"');
  }
  if (dedup !== null) {
    const { windowMs, limit, behaviour } = dedup;
    const then = behaviour === "skip" ? "is skipped" : "is held for a person";
    const many = limit === 1 ? "one" : `${limit}`;
    return yes(
      `${durationText(windowMs)}: ${many} per record; any more within it ${then}, whatever its key.`,
      `dedupWindow: ${windowLine(dedup)}`,
    );
  }
  const choice = 'dedupWindow: "24h" (a second one within a day is a loop) or "none" (it is another effect)';
  const add = record === null ? `record: (payload) => "...", and ${choice}` : choice;
  if (key === null && keyFields === null && riskTier !== "irreversible" && record !== null) {
    return unknown(
      "24h where the identity is the host's call id or the content; none for an explicit request id.",
      add,
    );
  }
  return no(
    record === null
      ? "None: the action names no record, so nothing sees that two requests touch the same one."
      : "None: under another key it acts on the same record again, at once.",
    add,
  );
}

function windowLine(dedup: Exclude<AnyAction["dedup"], "none" | null>): string {
  const { windowMs, limit, behaviour } = dedup;
  const window = `"${durationText(windowMs)}"`;
  if (limit === 1 && behaviour === "skip") return window;
  return `{ window: ${window}, limit: ${limit}, behaviour: "${behaviour}" }`;
}

/** Who can fix it, and what becomes of it, per category. */
const CATEGORIES: readonly { readonly route: Route; readonly words: (action: AnyAction) => string }[] = [
  {
    route: "operator",
    words: ({ retry }) => {
      const tried = retry.maxAttempts === 1 ? "not retried, to" : "retried, then to";
      return `transient (429, no connection): ${tried} the operator, as is what nothing can settle.`;
    },
  },
  { route: "data_owner", words: () => "validation (400, 422): not retried, to the data owner." },
  { route: "domain_expert", words: () => "conflict (409, 412, unexpected state): not retried, to the domain expert." },
  { route: "security", words: () => "security (401, 403): halts the run at once, to security." },
];

function failurePoints(action: AnyAction, { notified, budgets }: ChecklistSetup): readonly ChecklistPoint[] {
  const points = CATEGORIES.map(({ route, words }) => {
    const names = notified[route] ?? [];
    return names.length > 0
      ? yes(`${words(action)} Told by ${names.join(" and ")}.`, `notify.${route}`)
      : no(
          `${words(action)} Nobody tells them: it waits until they look.`,
          `notify: { ${route}: { webhook: "https://...", secret: "\${SECRET}" } }`,
        );
  });
  if (action.classify) points.push(yes("Code of the action is asked first, and may say otherwise.", "classify"));
  const { maxActionsPerRun: most } = budgets;
  if (most !== null) {
    points.push(yes(`A run that goes past ${most} actions is halted, too.`, `budgets.maxActionsPerRun: ${most}`));
  }
  return points;
}

function logPoints(action: AnyAction, { store, spill }: ChecklistSetup): readonly ChecklistPoint[] {
  const fields = Object.entries(exampleEntry(action)).map(([name, value]) => `"${name}": ${JSON.stringify(value)}`);
  const kept = store.durable
    ? yes(
        `In ${store.name} (${store.log}), in the same commit as what it tells of; the run is not needed for it.`,
        "store",
      )
    : no(
        `Only in memory (${store.name}): it is gone with the program that wrote it.`,
        'store: "sqlite:onceguard.db", or "postgres://..."',
      );
  const findable = action.record ? null : 'record: (payload) => "...", to find it by what it touched';
  const entry = yes(`{ ${fields.join(", ")} }`, null, findable);
  if (!store.durable) return [entry, kept];
  const undo = action.compensate
    ? yes("A wrong effect can be undone by `onceguard correct`, with a look at what has changed since.", "compensate")
    : null;
  const away =
    spill === null
      ? yes("What an effect answers while the store is away is lost: a question stays.", "spill: false")
      : yes(`What an effect answers while the store is away is kept in ${spill}.`, "spill");
  return undo === null ? [entry, kept, away] : [entry, kept, undo, away];
}

/** An entry as it stands in the log, with what its receipt adds. Made up, and marked as such by its ids. */
function exampleEntry(action: AnyAction): Readonly<Record<string, unknown>> {
  return {
    at: "2026-11-21T09:14:03.120Z",
    event: "success",
    state: "succeeded",
    version: 2,
    fencing_token: 1,
    attempt_number: 1,
    actor: "agent:example",
    cause: null,
    tenant: "default",
    request_id: action.keyFields || action.key ? "9f2c...e1" : "example:1",
    action: action.name,
    record_id: action.record ? "order:example" : null,
    run_id: "run:example",
    host_scope: "thread:example",
    host_call_id: "call:example",
    trace_id: null,
    before: action.before ? "what before reads" : null,
    after: action.after ? "what after reads" : null,
    detail: null,
  };
}
