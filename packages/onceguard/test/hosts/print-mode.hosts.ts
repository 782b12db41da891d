import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CLAUDE, claudeCode, claudeEnvironment } from "./drivers/claude-code.ts";
import { CODEX, codex, codexEnvironment, writeCodexConfig } from "./drivers/codex.ts";
import type { ServerEntry } from "./drivers/host.ts";
import { startModel } from "./model/scripted-model.ts";
import { newWorld, throughGateway } from "./world.ts";

// `claude -p` and `codex exec`: the hosts as scripts and pipelines use them, where nobody can be asked.

const PRINTING = [
  {
    ...claudeCode,
    command: "claude -p",
    program: CLAUDE,
    prepare: (home: string, modelUrl: string, desk: ServerEntry) => {
      const config = join(home, "mcp.json");
      writeFileSync(config, JSON.stringify({ mcpServers: { desk } }));
      const args = [
        "-p",
        "--mcp-config",
        config,
        "--strict-mcp-config",
        "--allowedTools",
        "mcp__desk",
        "--",
        "order A1",
      ];
      return { args, env: claudeEnvironment(home, modelUrl) };
    },
  },
  {
    ...codex,
    command: "codex exec",
    program: CODEX,
    prepare: (home: string, modelUrl: string, desk: ServerEntry) => {
      writeCodexConfig(home, modelUrl, { desk });
      return { args: ["exec", "--skip-git-repo-check", "order A1"], env: codexEnvironment(home) };
    },
  },
];

describe.each(PRINTING)("$command, onceguard gateway", ({ found, program, prepare }) => {
  async function run(options: { approval?: boolean } = {}) {
    const world = newWorld();
    const model = await startModel();
    onTestFinished(() => model.close());
    const home = join(world.folder, "home");
    mkdirSync(join(home, "work"), { recursive: true });
    const { args, env } = prepare(home, model.url, throughGateway.server(world, options));
    const order = { calls: [throughGateway.order({ ref: "A1" })] };
    model.follow(order, order, { say: "It is done." });
    const child = spawn(program, args, { cwd: join(home, "work"), env, stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
      });
    }
    const [code] = await once(child, "close");
    return { world, model, code, printed };
  }

  it.skipIf("missing" in found)("a call that the model makes again is one effect", async () => {
    const { world, model, code, printed } = await run();
    expect(code, printed).toBe(0);
    expect(printed).toContain("It is done.");
    expect(model.results.map(({ text }) => text.includes("order 1 placed for A1"))).toEqual([true, true]);
    expect(world.ledger()).toHaveLength(1);
  });

  it.skipIf("missing" in found)("what needs a person stays held, and nothing is done", async () => {
    const { world, model, printed } = await run({ approval: true });
    expect(model.results, printed).toHaveLength(2);
    for (const { text } of model.results) expect(text).toMatch(/held|has to approve/);
    expect(world.ledger()).toHaveLength(0);
  });
});
