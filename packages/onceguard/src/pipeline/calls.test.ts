import { describe, expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import type { GuardOptions } from "./guard.ts";

// Calls that bring a payload along and execute nothing at once: proposed, or left to a sweeper.

interface Mail {
  readonly to: string;
  readonly text?: string;
}
type Options = Partial<ActionOptions<"mail", Mail, Mail, unknown>>;

function desk(
  more: Options = {},
  options: Partial<GuardOptions> = {},
  verbs: (store: Store) => Partial<Store> = () => ({}),
) {
  const clock = fakeClock();
  const inner = memoryStore({ clock: clock.now });
  const sent: Mail[] = [];
  const mail = defineAction({
    name: "mail",
    riskTier: "side_effecting",
    keyFields: ["to"],
    record: ({ to }: Mail) => `person:${to}`,
    execute: (payload: Mail) => {
      sent.push(payload);
      return "sent";
    },
    ...more,
  });
  const store = withVerbs(inner, verbs(inner));
  const made = testGuard([mail], { ...(options as object), clock, store });
  return { ...made, mail, sent };
}

const BY = { actor: "ada", reason: "stop it" };
const REVIEW = { rules: [{ action: "mail", verdict: "review", reason: "look at it" }] } as const;
const DENY = { rules: [{ action: "mail", verdict: "deny", reason: "no mail today" }] } as const;

describe("enqueue", () => {
  test("records what is carried out later, once, and answers repeats from the record", async () => {
    const { guard, sent, settle } = desk();
    const first = await guard.enqueue("mail", { to: "ann" });
    expect(first).toMatchObject({ status: "retry_later", receipt: { state: "retry_wait" } });
    expect(await guard.enqueue("mail", { to: "ann" })).toMatchObject({ requestId: first.requestId });
    expect(sent).toEqual([]);
    await settle(guard.reconcile());
    expect(await guard.enqueue("mail", { to: "ann" })).toMatchObject({ status: "replayed", result: "sent" });
    expect(sent).toEqual([{ to: "ann" }]);
  });

  test("of another payload under the same id is a mismatch", async () => {
    const { guard } = desk();
    const { requestId } = await guard.enqueue("mail", { to: "ann" });
    expect(await guard.enqueue("mail", { to: "ann", text: "hi" })).toMatchObject({ status: "mismatch", requestId });
  });

  test("under a halt records nothing, and of what is recorded says so", async () => {
    const { guard } = desk();
    const { requestId } = await guard.enqueue("mail", { to: "ann" });
    await guard.halt("action", "mail", BY);
    expect(await guard.enqueue("mail", { to: "bob" })).toMatchObject({ status: "halted", receipt: null });
    expect(await guard.enqueue("mail", { to: "ann" })).toMatchObject({ status: "halted", receipt: { requestId } });
    expect(await guard.receipts()).toHaveLength(1);
  });

  test("of the same effect under another id is skipped, by the earlier one", async () => {
    const { guard, settle } = desk({ keyFields: ["to", "text"] as never, dedupWindow: "1h" });
    const { requestId } = await guard.enqueue("mail", { to: "ann", text: "1" });
    await settle(guard.reconcile());
    expect(await guard.enqueue("mail", { to: "ann", text: "2" })).toMatchObject({
      ...{ status: "skipped", receipt: { requestId } },
    });
  });

  test("is denied by the policy before anything is written", async () => {
    const { guard } = desk({}, DENY);
    expect(await guard.enqueue("mail", { to: "ann" })).toMatchObject({ status: "denied", reason: "no mail today" });
    expect(await guard.receipts()).toEqual([]);
  });

  test("waits for a person where the policy wants one", async () => {
    const { guard, sent, settle } = desk({}, REVIEW);
    const { requestId } = await guard.enqueue("mail", { to: "ann" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held" });
    await settle(guard.reconcile());
    expect(sent).toEqual([]);
  });

  test("is not for what nobody but its caller could carry out", async () => {
    const { guard } = desk({ privacy: { redact: ["text"] } });
    await expect(guard.enqueue("mail", { to: "ann" })).rejects.toMatchObject({
      ...{ code: "invalid_option", fields: { option: "privacy.redact", action: "mail" } },
    });
  });
});

describe("propose", () => {
  test("says what would become of it, also of an action that is not registered, and logs that it was asked", async () => {
    const { mail } = desk();
    const { guard } = testGuard([]);
    expect(await guard.propose(mail as never, { to: "ann" } as never)).toMatchObject({
      verdict: "allow",
      receipt: null,
    });
    const [line] = await guard.log({ limit: 9 });
    expect(line).toMatchObject({ event: "proposed", action: "mail" });
    expect(JSON.parse(line?.detail ?? "")).toEqual({ verdict: "allow", reasons: [] });
  });

  test("records only what needs a person", async () => {
    const { guard } = desk({}, REVIEW);
    const { requestId, ...proposed } = await guard.propose("mail", { to: "ann" });
    expect(proposed).toMatchObject({
      verdict: "review",
      reasons: ["look at it"],
      receipt: { state: "held", requestId },
    });
    const denying = desk({}, DENY).guard;
    expect(await denying.propose("mail", { to: "ann" })).toMatchObject({
      ...{ verdict: "deny", reasons: ["no mail today"], receipt: null },
    });
    expect(await denying.receipts()).toEqual([]);
  });

  test("tells a mismatch and a halt with their reasons", async () => {
    const { guard } = desk();
    await guard.execute("mail", { to: "ann" });
    const mismatch = await guard.propose("mail", { to: "ann", text: "hi" });
    expect(mismatch).toMatchObject({
      verdict: "mismatch",
      receipt: null,
      reasons: [expect.stringContaining("another")],
    });
    expect(await guard.propose("mail", { to: "ann" })).toMatchObject({ receipt: { state: "succeeded" } });
    await guard.halt("action", "mail", BY);
    expect(await guard.propose("mail", { to: "ann" })).toMatchObject({
      ...{ verdict: "halted", reasons: ["stop it"], receipt: { state: "succeeded" } },
    });
  });

  test("of what another process has just recorded has its record, and what the loop filter stops is denied", async () => {
    let isLate = false;
    const { guard } = desk({ keyFields: ["to", "text"] as never, dedupWindow: "1h" }, REVIEW, (store) => ({
      find: async (tenant, id) => (isLate ? null : store.find(tenant, id)),
    }));
    const { requestId } = await guard.propose("mail", { to: "ann", text: "1" });
    isLate = true;
    expect(await guard.propose("mail", { to: "ann", text: "1" })).toMatchObject({
      ...{ verdict: "review", receipt: { requestId, state: "held" } },
    });
    isLate = false;
    await guard.approve(requestId, { actor: "bob", reason: "fine" });
    await guard.execute("mail", { to: "ann", text: "1" });
    expect(await guard.propose("mail", { to: "ann", text: "2" })).toMatchObject({
      ...{ verdict: "deny", reasons: [expect.stringContaining(requestId)], receipt: null },
    });
  });
});

describe("an action's name", () => {
  test("that is not known is told with those that are", async () => {
    const other = defineAction({ name: "call", riskTier: "side_effecting", execute: () => undefined });
    const { mail } = desk();
    for (const [actions, known] of [
      [[mail, other], "call, mail"],
      [[], "none"],
    ] as const) {
      const { guard } = testGuard(actions);
      await expect(guard.execute("fax" as never, {} as never)).rejects.toMatchObject({
        ...{ code: "unknown_action", fields: { action: "fax" }, message: `There is no action "fax". Known: ${known}.` },
      });
    }
  });

  test("stands for one definition, which may be wrapped again", () => {
    const { guard, mail } = desk();
    expect(() => guard.wrap(mail)).not.toThrow();
    expect(() => guard.wrap(mail, { register: false })).not.toThrow();
    expect(() => guard.wrap({ ...mail })).toThrow(expect.objectContaining({ code: "duplicate_action" }));
    expect(() => guard.wrap({ ...mail }, { register: false })).toThrow();
  });
});
