import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type GuardHookOptions,
  type GuardToolOptions,
  guardHook,
  guardTool,
} from "../../../src/adapters/claude-agent/index.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { type Desk, guardOf, newDesk } from "../ai-sdk/desk.ts";
import { text, tool, use } from "./claude.ts";

const ORDER = { order: z.string(), cents: z.number().default(500) };
const A1 = { order: "A1" };
const REVIEW: PolicyRule = { verdict: "review", reason: "money needs a person" };
const NO_ANSWER = {};

interface Given extends GuardHookOptions, GuardToolOptions {
  readonly rule?: PolicyRule;
}

function setup(desk: Desk, { rule = REVIEW, review, ...options }: Given = {}) {
  const guard = guardOf(desk, { rules: [rule] });
  const definition = tool("charge", "", ORDER, async (order) => text(desk.charge(order).receipt));
  const charge = guardTool(guard, definition, { keyFields: ["order"] }, options);
  const hook = guardHook({ "front desk": [charge] }, review === undefined ? {} : { review });
  return {
    guard,
    charge,
    hook,
    call: (id: string, more: object = {}) => use("front_desk", charge, { id, args: A1, hook, ...more }),
  };
}

describe("what a person has to approve", () => {
  it("is asked; with an approver, the yes is an approval of this request, and one effect", async () => {
    const desk = newDesk();
    const { guard, call } = setup(desk, { approver: "kim", context: { actor: "agent" } });
    const [held] = [await call("t1"), await guard.receipts()][1] as Awaited<ReturnType<typeof guard.receipts>>;
    expect([held?.state, desk.charged().length]).toEqual(["held", 0]); // the user said no
    const { told, asked } = await call("t2", { allows: true });
    expect(asked).toMatch(/^money needs a person; request /);
    expect(told).toEqual(text("r1"));
    const again = await call("t3", { allows: true });
    expect([again.told, again.asked]).toEqual([text("r1"), undefined]); // it was done: nothing to ask
    expect(desk.charged()).toHaveLength(1);
    const [receipt] = await guard.receipts();
    expect(receipt?.hold?.approval).toMatchObject({ actor: "kim", reason: "allowed in Claude Code (t2)" });
  });

  it.each<{ what: string; options: GuardToolOptions }>([
    { what: "there is no approver", options: {} },
    { what: "the approver is nobody this time", options: { approver: async () => null } },
    { what: "the approver asked for it", options: { approver: "kim", context: { actor: "kim" } } },
  ])("stays held after a yes where $what", async ({ options }) => {
    const desk = newDesk();
    const { told } = await setup(desk, options).call("t1", { allows: true });
    expect(told?.structuredContent).toMatchObject({ status: "held" });
    expect(desk.charged()).toHaveLength(0);
  });

  it("stays held where the hook did not ask about this very call", async () => {
    const desk = newDesk();
    const { call } = setup(desk, { approver: "kim" });
    await call("t1");
    const { told } = await call("t2", { hook: undefined, allows: true });
    expect(told?.structuredContent).toMatchObject({ status: "held" });
    expect(desk.charged()).toHaveLength(0);
  });

  it("ends the run, until somebody has approved it in the guard", async () => {
    const desk = newDesk();
    const { guard, call } = setup(desk, { review: "defer", approver: "kim" });
    expect(await call("t1")).toEqual({ told: undefined, asked: undefined });
    const [held] = await guard.receipts();
    await guard.approve(held?.requestId as string, { actor: "lee", reason: "looked at it" });
    for (let n = 0; n < 2; n++) expect((await call("t1")).told).toEqual(text("r1"));
    expect(desk.charged()).toHaveLength(1);
  });

  it("is told to the model, where nobody can be asked", async () => {
    const desk = newDesk();
    const { told } = await setup(desk, { review: "deny" }).call("t1", { allows: true });
    expect(told).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^money needs a person; request /) }],
    });
    expect(desk.charged()).toHaveLength(0);
  });
});

it("what the policy denies is refused, and so is what was stopped", async () => {
  const desk = newDesk();
  const denied = await setup(desk, { rule: { verdict: "deny", reason: "not on Sundays" } }).call("t1", {
    allows: true,
  });
  expect(denied.told?.content[0]?.text).toBe("not on Sundays");
  const other = newDesk();
  const { guard, call } = setup(other, { rule: { verdict: "review", reason: "x", action: "no such action" } });
  await guard.halt("action", "charge", { actor: "kim", reason: "something is odd" });
  expect((await call("t1", { allows: true })).told?.content[0]?.text).toBe("something is odd");
  expect([...desk.charged(), ...other.charged()]).toEqual([]);
});

it("has nothing to say of other tools, other events, safe tools and arguments that do not fit", async () => {
  const { guard, hook } = setup(newDesk());
  const event = {
    hook_event_name: "PreToolUse",
    tool_name: "mcp__front_desk__charge",
    tool_input: A1,
    tool_use_id: "t1",
  };
  const ask = (more: object) => hook({ ...event, ...more }, "t1", {});
  expect(await ask({})).not.toEqual(NO_ANSWER);
  expect(await ask({ tool_name: "Bash" })).toEqual(NO_ANSWER);
  expect(await ask({ tool_name: "mcp__back_office__charge" })).toEqual(NO_ANSWER);
  expect(await ask({ hook_event_name: "PostToolUse" })).toEqual(NO_ANSWER);
  for (const tool_input of [null, {}, { order: 7 }]) expect(await ask({ tool_input })).toEqual(NO_ANSWER);
  expect(await hook(undefined, undefined, {})).toEqual(NO_ANSWER);
  const look = tool("look", "", ORDER, async () => text("nothing"));
  const both = { safe: guardTool(guard, look, "safe"), repeatable: guardTool(guard, look, { riskTier: "safe" }) };
  for (const given of Object.values(both)) {
    const other = guardHook({ desk: [given] });
    expect(await other({ ...event, tool_name: "mcp__desk__look" }, "t1", {})).toEqual(NO_ANSWER);
  }
});

it("takes no tool that nobody has thought about", () => {
  const bare = tool("charge", "", ORDER, async () => text("paid"));
  const problem = expect.objectContaining({
    code: "invalid_option",
    message: expect.stringContaining('"charge" of "desk"'),
  });
  expect(() => guardHook({ desk: [bare] })).toThrow(problem);
});

it("lets a call through that it cannot judge: the call itself says what is wrong, and sends nothing", async () => {
  const desk = newDesk();
  const { guard, call } = setup(desk);
  await guard.close();
  const { told, asked } = await call("t1", { allows: true });
  expect(asked).toBeUndefined();
  expect(told?.structuredContent).toMatchObject({ status: "unavailable" });
  expect(desk.charged()).toHaveLength(0);
});
