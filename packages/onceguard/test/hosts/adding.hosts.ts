import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CLAUDE, claudeCode } from "./drivers/claude-code.ts";
import { CODEX, codex } from "./drivers/codex.ts";
import { WORKSPACE } from "./installed.ts";

// `claude mcp add …` and `codex mcp add …` as docs/mcp-hosts.md has them, by the real programs.

const page = readFileSync(join(WORKSPACE, "docs/mcp-hosts.md"), "utf8");

/** A home with nothing in it but what is installed; npx takes what it finds there. */
function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "onceguard-hosts-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  symlinkSync(join(WORKSPACE, "node_modules"), join(home, "node_modules"));
  writeFileSync(join(home, "package.json"), '{ "private": true }');
  writeFileSync(join(home, "onceguard.config.json"), '{ "actions": [] }');
  return home;
}

function run(program: string, home: string, ...args: string[]): string {
  const env = { PATH: process.env.PATH, HOME: home, npm_config_offline: "true", DISABLE_AUTOUPDATER: "1" };
  return execFileSync(program, args, { cwd: home, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs the page's lines for one host, and says the names that it added. */
function addAsThePageSays(host: "claude" | "codex", program: string, home: string): string[] {
  const lines = [...page.matchAll(new RegExp(`^${host} (mcp add (\\w+) -- .+)$`, "gm"))];
  for (const [, line = ""] of lines) run(program, home, ...line.replaceAll("/path/to", home).split(" "));
  return lines.map(([, , name = ""]) => name);
}

describe.skipIf("missing" in claudeCode.found)("Claude Code", () => {
  it("adds what the page says, and is connected to it", () => {
    const home = newHome();
    const names = addAsThePageSays("claude", CLAUDE, home);
    expect(names).toEqual(["onceguard", "memory"]);
    const list = run(CLAUDE, home, "mcp", "list");
    for (const name of names) expect(list).toMatch(new RegExp(`^${name}: npx .* ✔ Connected$`, "m"));
  });
});

describe.skipIf("missing" in codex.found)("Codex CLI", () => {
  it("adds what the page says, as its config.toml has it there", () => {
    const home = newHome();
    const names = addAsThePageSays("codex", CODEX, home);
    expect(names).toEqual(["onceguard", "memory"]);
    const [, block = ""] = /^```toml\n([\s\S]*?)^```/m.exec(page) ?? [];
    const config = readFileSync(join(home, ".codex/config.toml"), "utf8");
    expect(config.trim()).toBe(block.replaceAll("/path/to", home).trim());
  });
});
