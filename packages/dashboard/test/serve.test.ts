import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../../onceguard/src/cli/main.ts", import.meta.url));

/** `onceguard serve` as a real process, with a config that has a rule and an action. */
async function serve(...args: string[]): Promise<{ url: string; said: () => string }> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-serve-"));
  const action = {
    name: "touch",
    kind: "command",
    riskTier: "side_effecting",
    keyFields: ["file"],
    command: ["touch", "{file}"],
  };
  const rules = [{ action: "touch", verdict: "review", reason: "look first" }];
  writeFileSync(join(folder, "onceguard.config.json"), JSON.stringify({ actions: [action], rules }));
  const child = spawn(process.execPath, [MAIN, "serve", "--listen", "0", ...args], { cwd: folder, stdio: "pipe" });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await expect.poll(() => said, { timeout: 60_000 }).toMatch(/serving at \S+/);
  return { url: /serving at (http:\/\/[^,\s]+)/.exec(said)?.[1] ?? said, said: () => said };
}

it("onceguard serve has the console, and tells it how the guard is configured", async () => {
  const { url, said } = await serve("--trace-url", "https://traces.example/{trace_id}");
  await expect.poll(said, { timeout: 10_000 }).toContain(`the console is at ${url}/console/`);
  const page = await fetch(url);
  expect([page.url, page.status]).toEqual([`${url}/console/`, 200]);
  const ask = async (path: string) => (await (await fetch(url + path)).json()) as Record<string, unknown>;
  expect(await ask("/v1/me")).toMatchObject({ open: true, trace_url: "https://traces.example/{trace_id}" });
  expect(await ask("/v1/policies")).toMatchObject({
    rules: [{ action: "touch", verdict: "review" }],
    policy_version: "1",
  });
  expect(await ask("/v1/checklist")).toMatchObject({ actions: [{ action: "touch" }] });
});

it("--no-console leaves it out", async () => {
  const { url, said } = await serve("--no-console");
  expect((await fetch(`${url}/console/`)).status).toBe(404);
  expect((await fetch(`${url}/v1/me`)).status).toBe(200);
  expect(said()).not.toContain("the console is at");
});
