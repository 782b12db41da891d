import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { type GuardHookOptions, guardHook, guardTool } from "../../src/adapters/claude-agent/index.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { CLAUDE, claudeCode, claudeEnvironment } from "./drivers/claude-code.ts";
import { transcripts } from "./drivers/transcripts.ts";
import { hostModule } from "./installed.ts";
import { call, type Move } from "./model/script.ts";
import { type ScriptedModel, startModel } from "./model/scripted-model.ts";

// Claude Code's own program with tools in this process, as programs have them that are built on the Agent SDK.

const PACKAGE = "@anthropic-ai/claude-agent-sdk";
const DONE = { say: "done" };
const ORDER = { ref: z.string(), copies: z.number().default(1) };

interface Order {
  readonly ref: string;
  readonly copies: number;
}
interface ToolDefinition {
  readonly name: string;
  readonly inputSchema: object;
  readonly handler: (args: Order, extra: unknown) => Promise<{ content: { type: "text"; text: string }[] }>;
}
interface Message {
  readonly type: string;
  readonly session_id?: string;
  readonly terminal_reason?: string;
  readonly deferred_tool_use?: { readonly id: string; readonly input: unknown };
}
/** As much of the SDK as is used here; its own types are not in the workspace. */
interface Sdk {
  tool(name: string, description: string, schema: object, handler: ToolDefinition["handler"]): ToolDefinition;
  createSdkMcpServer(given: { name: string; tools: readonly ToolDefinition[] }): unknown;
  query(given: { prompt: unknown; options: Record<string, unknown> }): AsyncIterable<Message>;
}

/** A desk in this process, with a ledger of its own; a model that follows a script; and Claude Code between them. */
async function stage() {
  const sdk = (await import(pathToFileURL(hostModule(PACKAGE, "sdk.mjs")).href)) as Sdk;
  const folder = mkdtempSync(join(tmpdir(), "onceguard-agent-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const path = join(folder, "ledger.jsonl");
  const ledger = () => (existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : []);
  const model = await startModel();
  onTestFinished(async () => {
    await model.close();
    expect(model.left()).toBe(0); // Claude Code has come for every step
  });
  const place = (order: Order) => {
    appendFileSync(path, `${JSON.stringify(order)}\n`);
    return { content: [{ type: "text" as const, text: `order ${ledger().length} placed for ${order.ref}` }] };
  };
  return {
    model,
    ledger,
    place,
    tool: (handler: ToolDefinition["handler"]) => sdk.tool("place_order", "Places an order", ORDER, handler),
    guard: (options: object = {}): Guard => {
      const store = sqliteStore({ path: join(folder, "onceguard.db") });
      const guard = createGuard({ store, sweepEvery: false, grace: 0, onBackgroundError: () => undefined, ...options });
      onTestFinished(() => guard.close());
      return guard;
    },
    remembers: (words: string) => transcripts(join(folder, "home/.claude/projects/*", "*.jsonl")).includes(words),
    run: (tool: ToolDefinition, options: Record<string, unknown> = {}) =>
      run(sdk, join(folder, "home"), model, tool, options),
  };
}

interface Run {
  readonly session: string;
  readonly result: Message | undefined;
  readonly error: Error | undefined;
}

/** One run of the agent: a prompt, until Claude Code has ended its turn, or is gone. */
async function run(
  sdk: Sdk,
  home: string,
  model: ScriptedModel,
  tool: ToolDefinition,
  {
    onSpawn,
    limits,
    ...options
  }: { onSpawn?: (child: ChildProcess) => void; limits?: Record<string, string> } & Record<string, unknown>,
): Promise<Run> {
  const cwd = join(home, "work");
  mkdirSync(cwd, { recursive: true });
  let child: ChildProcess | undefined;
  const conversation = sdk.query({
    prompt: "order A1",
    options: {
      cwd,
      env: { ...claudeEnvironment(home, model.url), IS_SANDBOX: "1", ...limits },
      pathToClaudeCodeExecutable: CLAUDE,
      spawnClaudeCodeProcess: (given: { command: string; args: string[]; cwd?: string; env: NodeJS.ProcessEnv }) => {
        const { command, args, cwd, env } = given;
        child = spawn(command, args, { ...(cwd && { cwd }), env, stdio: ["pipe", "pipe", "ignore"] });
        onSpawn?.(child);
        return child;
      },
      settingSources: [],
      strictMcpConfig: true,
      mcpServers: { desk: sdk.createSdkMcpServer({ name: "desk", tools: [tool] }) },
      allowedTools: ["mcp__desk"],
      ...options,
    },
  });
  let session = "";
  let result: Message | undefined;
  let error: Error | undefined;
  try {
    for await (const message of conversation) {
      session = message.session_id ?? session;
      if (message.type === "result") result = message;
    }
  } catch (thrown) {
    error = thrown as Error;
  }
  if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { session, result, error };
}

const { found } = claudeCode;
console.log("version" in found ? `Agent SDK: ${found.version}` : `Agent SDK: SKIPPED, ${found.missing}`);
const order = (args: Record<string, unknown>) => call("desk", "place_order", args);
const KEYED = { keyFields: ["ref"] } as const;

describe.skipIf("missing" in found)("the Agent SDK with tools in this process", () => {
  describe.each([
    { way: "without a guard", guarded: false, effects: 2 },
    { way: "with it", guarded: true, effects: 1 },
  ])("$way", ({ guarded, effects }) => {
    it(`an answer that is lost, and the model's retry: ${effects} of 2`, async () => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const lose = tool(async (given) => {
        place(given);
        throw new Error("socket hang up");
      });
      model.follow({ calls: [order({ ref: "A1" })] }, { calls: [order({ ref: "A1" })] }, DONE);
      await run(guarded ? guardTool(guard(), lose, KEYED) : lose);
      expect(ledger()).toHaveLength(effects);
      if (guarded)
        for (const { text } of model.results) expect(text).toMatch(/nobody knows yet|A person has to decide/);
    });

    it(`two equal calls in one answer: ${effects} of 2`, async () => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const plain = tool(async (given) => place(given));
      model.follow({ calls: [order({ ref: "A1" }), order({ ref: "A1" })] }, DONE);
      await run(guarded ? guardTool(guard(), plain, KEYED) : plain);
      expect(ledger()).toHaveLength(effects);
      if (guarded) for (const { text } of model.results) expect(text).toContain("order 1 placed for A1");
    });

    it(`a time limit of Claude Code's, and the model's retry: ${effects} of 2`, async () => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const answered = Promise.withResolvers<void>();
      const slow = tool(async (given) => {
        const answer = place(given);
        if (ledger().length === 1) await answered.promise;
        return answer;
      });
      const again = (): Move => {
        answered.resolve();
        return { calls: [order({ ref: "A1" })] };
      };
      model.follow({ calls: [order({ ref: "A1" })] }, again, DONE);
      await run(guarded ? guardTool(guard(), slow, KEYED) : slow, { limits: { MCP_TOOL_TIMEOUT: "1000" } });
      expect(ledger()).toHaveLength(effects);
      expect(model.results[0]?.text).toMatch(/timed out|timeout/i);
      if (guarded) expect(model.results[1]?.text).toContain("order 1 placed for A1");
    });

    it(`Claude Code killed mid-effect, resumed, and the call again: ${effects} of 2`, async () => {
      const { model, ledger, place, tool, guard, run, remembers } = await stage();
      const answered = Promise.withResolvers<void>();
      let child: ChildProcess | undefined;
      const hold = tool(async (given) => {
        const answer = place(given);
        if (ledger().length > 1) return answer;
        while (!remembers("order A1")) await new Promise((resolve) => setTimeout(resolve, 20));
        child?.kill("SIGKILL");
        await answered.promise;
        return answer;
      });
      const given = guarded ? guardTool(guard(), hold, KEYED) : hold;
      model.follow({ calls: [order({ ref: "A1" })] });
      const first = await run(given, { onSpawn: (started: ChildProcess) => (child = started) });
      expect(first.error).toBeInstanceOf(Error);
      answered.resolve();
      model.follow({ calls: [order({ ref: "A1" })] }, DONE);
      await run(given, first.session ? { resume: first.session } : {});
      expect(ledger()).toHaveLength(effects);
      if (guarded) expect(model.results.at(-1)?.text).toContain("order 1 placed for A1");
    });
  });

  it("two equal calls that were both meant: Claude Code's own ids tell them apart", async () => {
    const { model, ledger, place, tool, guard, run } = await stage();
    model.follow({ calls: [order({ ref: "A1" }), order({ ref: "A1" })] }, DONE);
    const own = guard();
    await run(
      guardTool(
        own,
        tool(async (given) => place(given)),
        { riskTier: "side_effecting" },
      ),
    );
    expect(ledger()).toHaveLength(2);
    const receipts = await own.receipts();
    expect(receipts.map(({ keySource, hostScope }) => [keySource, hostScope])).toEqual([
      ["host_call", "claude-code"],
      ["host_call", "claude-code"],
    ]);
  });

  describe("what a person has to approve", () => {
    const RULES = { rules: [{ verdict: "review" as const, reason: "orders need a person" }] };
    const hooks = (tool: object, options?: GuardHookOptions) => ({
      hooks: { PreToolUse: [{ matcher: "mcp__desk__.*", hooks: [guardHook({ desk: [tool] }, options)] }] },
    });

    it.each([
      { approver: "kim", behavior: "allow", effects: 1, told: /order 1 placed for A1/ },
      { approver: undefined, behavior: "allow", effects: 0, told: /has to approve/ },
      { approver: "kim", behavior: "deny", effects: 0, told: /no, thanks/ },
    ] as const)("is asked at the host; $behavior, approver $approver: $effects of 1", async (one) => {
      const { approver, behavior, effects, told } = one;
      const { model, ledger, place, tool, guard, run } = await stage();
      const given = guardTool(
        guard(RULES),
        tool(async (given) => place(given)),
        KEYED,
        {
          ...(approver !== undefined && { approver }),
        },
      );
      const asked: unknown[] = [];
      const canUseTool = async (name: string, input: Record<string, unknown>, more: Record<string, unknown>) => {
        asked.push([name, more]);
        return behavior === "allow" ? { behavior, updatedInput: input } : { behavior, message: "no, thanks" };
      };
      model.follow({ calls: [order({ ref: "A1" })] }, DONE);
      await run(given, { ...hooks(given), canUseTool, allowedTools: [] });
      expect(asked).toEqual([
        [
          "mcp__desk__place_order",
          expect.objectContaining({ decisionReason: expect.stringMatching(/^orders need a person/) }),
        ],
      ]);
      expect(ledger()).toHaveLength(effects);
      expect(model.results[0]?.text).toMatch(told);
    });

    it("or ends the run until somebody has approved it: resumed, and resumed again, 1 of 2", async () => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const own = guard(RULES);
      const given = guardTool(
        own,
        tool(async (given) => place(given)),
        KEYED,
      );
      model.follow({ calls: [order({ ref: "A1" })] });
      const first = await run(given, hooks(given, { review: "defer" }));
      expect(first.result).toMatchObject({
        terminal_reason: "tool_deferred",
        deferred_tool_use: { input: { ref: "A1" } },
      });
      expect(ledger()).toHaveLength(0);
      const [held] = await own.receipts();
      await own.approve(held?.requestId as string, { actor: "kim", reason: "looked at it" });
      // Claude Code makes the deferred call by itself; then its model makes it once more.
      model.follow(DONE);
      const deferring = { ...hooks(given, { review: "defer" }), resume: first.session };
      await run(given, deferring);
      expect(ledger()).toHaveLength(1);
      model.follow({ calls: [order({ ref: "A1" })] }, DONE);
      await run(given, deferring);
      expect(ledger()).toHaveLength(1);
      for (const { text } of model.results) expect(text).toContain("order 1 placed for A1");
      expect(model.results).toHaveLength(2);
    });

    // What an approver is worth hangs on this: no setting of the host lets a call through that the hook asks about.
    it.each(["acceptEdits", "dontAsk", "bypassPermissions"])("is asked at the host also under %s", async (mode) => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const given = guardTool(
        guard(RULES),
        tool(async (given) => place(given)),
        KEYED,
        { approver: "kim" },
      );
      let asked = 0;
      const canUseTool = async () => {
        asked += 1;
        return { behavior: "deny", message: "no, thanks" };
      };
      const permissions = { permissionMode: mode, allowDangerouslySkipPermissions: true, allowedTools: [] };
      model.follow({ calls: [order({ ref: "A1" })] }, DONE);
      await run(given, { ...hooks(given), ...permissions, canUseTool });
      expect([asked, ledger().length]).toEqual([1, 0]);
      expect(model.results[0]?.text).toContain("no, thanks");
    });

    it("is refused where the policy says so, and nothing is asked", async () => {
      const { model, ledger, place, tool, guard, run } = await stage();
      const deny = { rules: [{ verdict: "deny" as const, reason: "not on Sundays" }] };
      const given = guardTool(
        guard(deny),
        tool(async (given) => place(given)),
        KEYED,
      );
      model.follow({ calls: [order({ ref: "A1" })] }, DONE);
      await run(given, hooks(given));
      expect(ledger()).toHaveLength(0);
      expect(model.results[0]?.text).toContain("not on Sundays");
    });
  });
});
