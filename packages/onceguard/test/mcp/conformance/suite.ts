import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The protocol revisions for which the suite says what a server must do. */
export const REVISIONS = ["2025-11-25", "2026-07-28"] as const;
export type Revision = (typeof REVISIONS)[number];

export interface Check {
  readonly scenario: string;
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly message: string;
}

/** What the conformance suite of the MCP project says of one server. */
export interface Report {
  readonly checks: readonly Check[];
  /** What it printed in the end: which scenarios are scored, and which are not. */
  readonly summary: string;
}

const PROGRAM = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js",
);

/** Everything that a revision requires of servers, as the suite itself runs it. */
export async function runSuite(url: string, revision: Revision): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-conformance-"));
  try {
    const args = [PROGRAM, "server", "--url", url, "--requirements", revision, "--output-dir", folder];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
      });
    }
    await once(child, "close");
    const checks = readdirSync(folder)
      .sort()
      .flatMap((name) => checksIn(folder, name));
    const at = printed.indexOf("=== SUMMARY ===");
    if (at < 0 || checks.length === 0) throw new Error(`the conformance suite did not get to its end\n${printed}`);
    return { checks, summary: printed.slice(at) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One folder per scenario, `server-<scenario>-<time>`. */
function checksIn(folder: string, name: string): Check[] {
  const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
  const checks = JSON.parse(readFileSync(join(folder, name, "checks.json"), "utf8")) as {
    id: string;
    status: Check["status"];
    errorMessage?: string;
  }[];
  return checks.map(({ id, status, errorMessage }) => ({ scenario, id, status, message: errorMessage ?? "" }));
}

/** What two reports must have in common to be the same; messages have times and ids in them. */
export function verdicts({ checks }: Report): readonly string[] {
  return checks.map(({ scenario, id, status }) => `${scenario} / ${id}: ${status}`).sort();
}

/** The scenarios that count, among those that have failed. */
export function scoredFailures({ checks, summary }: Report): readonly Check[] {
  const unscored = new Set(
    [...summary.matchAll(/^ {2}[✓✗] ([\w-]+) \((?:extension|pending|added-after-release)\)$/gm)].map(
      ([, name]) => name,
    ),
  );
  return checks.filter(({ scenario, status }) => status === "FAILURE" && !unscored.has(scenario));
}
