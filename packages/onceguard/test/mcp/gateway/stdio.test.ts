import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { ERAS, MCP } from "../host.ts";
import { call, Desk, toolAnswer } from "./gateway-host.ts";

describe.each(ERAS)("a gateway over stdio, era %s", (era) => {
  it("does a repeated call once, and shows what came of it", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    const first = await call(client, "pay", { ref: "A1" });
    const second = await call(client, "pay", { ref: "A1" });
    expect(first).toMatchObject({ isError: false, status: "executed", text: "paid A1 as 1" });
    expect(second).toMatchObject({ isError: false, status: "replayed", requestId: first.requestId });
    expect(second.text).toMatch(/^paid A1 as 1\nThis call was already made/);
    expect(desk.did("A1")).toHaveLength(1);
  });

  it("logs the trace that the host's traceparent names", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    const _meta = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
    const { requestId } = toolAnswer(await client.callTool({ name: "pay", arguments: { ref: "T1" }, _meta }));
    await client.close();
    const store = sqliteStore({ path: join(desk.folder, "onceguard.db") });
    const guard = createGuard({ store, actions: [], sweepEvery: false });
    expect((await guard.receipt(requestId as string))?.traceId).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
    await guard.close();
  });

  it("joins a call that is under way", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    const both = [call(client, "pay", { ref: "B1", mode: "hold" }), call(client, "pay", { ref: "B1", mode: "hold" })];
    await desk.until(() => desk.did("B1").length > 0, "the payment");
    desk.release("B1");
    const answers = await Promise.all(both);
    expect(answers.map(({ status }) => status).sort()).toEqual(["executed", "replayed"]);
    expect(desk.did("B1")).toHaveLength(1);
  });

  it("knows a second intent by its key, and the same by the same", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    await call(client, "pay", { ref: "C1" });
    const again = await call(client, "pay", { ref: "C1", idempotency_key: "second" });
    const repeated = await call(client, "pay", { ref: "C1", idempotency_key: "second" });
    const other = await call(client, "pay", { ref: "C2", idempotency_key: "second" });
    expect([again.status, repeated.status, other.status]).toEqual(["executed", "replayed", "mismatch"]);
    expect(other.isError).toBe(true);
    expect(desk.did("C1")).toHaveLength(2);
    expect(desk.did("C2")).toHaveLength(0);
  });

  it("asks for a key where nothing names an irreversible effect", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    const without = await call(client, "remove", { ref: "D1" });
    expect(without).toMatchObject({ isError: true, said: { error: { code: "missing_identity" } } });
    expect(desk.did("D1")).toHaveLength(0);
    const { tools } = await client.listTools();
    const schema = (name: string) => tools.find((tool) => tool.name === name)?.inputSchema as Record<string, object>;
    expect(schema("remove")).toMatchObject({ required: ["ref", "idempotency_key"] });
    expect(schema("pay")?.required).toEqual(["ref"]);
    expect(schema("pay")?.properties).toHaveProperty("idempotency_key");
    expect(schema("find")?.properties).not.toHaveProperty("idempotency_key");
    const named = await call(client, "remove", { ref: "D1", idempotency_key: "cancel D1" });
    expect(named).toMatchObject({ isError: false, status: "executed" });
    expect(desk.did("D1")).toHaveLength(1);
  });

  it("takes every tool of a stranger for irreversible", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era, { args: [] });
    expect(await call(client, "find", { ref: "E1" })).toMatchObject({ said: { error: { code: "missing_identity" } } });
    const { tools } = await client.listTools();
    for (const tool of tools) expect(tool.inputSchema.required ?? [], tool.name).toContain("idempotency_key");
  });

  it("says of a lost answer that nobody knows, and asks no second time", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    const broken = await call(client, "pay", { ref: "F1", mode: "break" });
    expect(broken.isError).toBe(false);
    expect(["in_doubt", "review"]).toContain(broken.status);
    expect(broken.text).toMatch(/the printer is on fire[\s\S]*Do not do it in any other way/);
    const again = await call(client, "pay", { ref: "F1", mode: "break" });
    expect(["in_doubt", "review"]).toContain(again.status);
    expect(desk.did("F1")).toHaveLength(1);
  });

  it("finds out by the probe of a rule", async () => {
    const desk = new Desk();
    const probe = { tool: "find", arguments: { ref: "{ref}" }, happenedWhen: "items[0]" };
    desk.config({ gateway: { tools: { pay: { riskTier: "side_effecting", keyFields: ["ref"], probe } } } });
    const { client } = await desk.open(era);
    const broken = await call(client, "pay", { ref: "G1", mode: "break" });
    expect(broken.text).toContain("Found by asking find");
    expect(desk.did("G1")).toHaveLength(1);
  });

  it("hands on what the server refused, and lets the same call try again", async () => {
    const desk = new Desk();
    const { client } = await desk.open(era);
    for (const _ of [1, 2]) {
      const refused = await call(client, "pay", { ref: "H1", mode: "reject" }).catch((error: Error) => error.message);
      expect(JSON.stringify(refused)).toContain("no such account");
    }
    expect(desk.did("H1")).toHaveLength(0);
  });
});

it("what waits for a person runs by itself once somebody else has approved it", async () => {
  const desk = new Desk();
  desk.config({ gateway: { tools: { pay: { riskTier: "side_effecting", approval: "money leaves" } } } });
  const { client } = await desk.open("2025-11-25", { args: [] });
  const held = await call(client, "pay", { ref: "I1" });
  expect(held).toMatchObject({ status: "held", isError: false });
  expect(held.text).toContain("A person has to approve it first");
  expect(desk.did("I1")).toHaveLength(0);
  const store = sqliteStore({ path: join(desk.folder, "onceguard.db") });
  const guard = createGuard({ store, sweepEvery: false });
  await guard.approve(held.requestId as string, { actor: "ann", reason: "looks right" });
  await guard.close();
  await desk.until(() => desk.did("I1").length === 1, "the approved payment");
  expect(await call(client, "pay", { ref: "I1" })).toMatchObject({ status: "replayed" });
  expect(desk.did("I1")).toHaveLength(1);
});

it("a window of a rule says when the same call is meant again", async () => {
  const desk = new Desk();
  desk.config({ gateway: { tools: { pay: { riskTier: "side_effecting", window: "1ms" } } } });
  const { client } = await desk.open("2025-11-25", { args: [] });
  const first = await call(client, "pay", { ref: "J1" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await call(client, "pay", { ref: "J1" });
  expect([first.status, second.status]).toEqual(["executed", "executed"]);
  expect(second.requestId).not.toBe(first.requestId);
  expect(desk.did("J1")).toHaveLength(2);
});

it("takes rules from TypeScript, and says what is wrong with rules", async () => {
  const desk = new Desk();
  const file = join(desk.folder, "rules.ts");
  writeFileSync(file, 'export default { tools: { remove: { riskTier: "side_effecting" as const } } };');
  const { client } = await desk.open("2025-11-25", { args: ["--rules", file] });
  expect((await call(client, "remove", { ref: "K1" })).status).toBe("executed");

  writeFileSync(file, 'export default { tools: { remove: { riskTeir: "safe" } } };');
  const wrong = spawnSync(process.execPath, [MCP, "gateway", "--rules", file, "--", "node", "x"], { encoding: "utf8" });
  expect(wrong).toMatchObject({ status: 2, stdout: "" });
  expect(wrong.stderr).toContain('has no option "riskTeir"');
  const none = spawnSync(process.execPath, [MCP, "gateway", "--rules", "nosuch", "--", "x"], { encoding: "utf8" });
  expect(none.status).toBe(2);
  expect(none.stderr).toContain('there are no ready rules "nosuch"; there are');
});
