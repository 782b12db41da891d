import { expect, it } from "vitest";
import { configFolder } from "../host.ts";
import { onceguardOverHttp } from "./listening.ts";
import { REVISIONS, runSuite, scoredFailures } from "./suite.ts";

/**
 * What the suite asks of `onceguard mcp` itself. Most scenarios call a tool, a prompt or a resource of the suite's own test
 * server, which nobody else has: there the suite reports a failure for want of it. Every other failure counts, and these
 * scenarios, which ask for nothing of that kind, must pass whole.
 */
const WHOLE: Record<(typeof REVISIONS)[number], readonly string[]> = {
  "2025-11-25": ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"],
  "2026-07-28": [
    "tools-list",
    "server-sse-multiple-streams",
    "sep-2164-resource-not-found",
    "dns-rebinding-protection",
    "input-required-result-missing-input-response",
    "input-required-result-unsupported-methods",
    "input-required-result-ignore-extra-params",
    "input-required-result-validate-input",
    "http-header-validation",
  ],
};

/** In the suite's words: this server has no such tool, and declares no prompts, resources, completions or logging. */
const HAS_NO_SUCH_THING = [
  /^Not testable: server does not list the diagnostic tool 'test_/,
  /There is no tool "test_/,
  /Method not found/,
];

/** These two only say that the round before, with the test server's tool, did not work. */
const FOLLOWS_FROM_IT = new Set(["sep-2322-multi-round-r1", "sep-2322-reject-tampered-state"]);

it.each(REVISIONS)("onceguard mcp, %s: nothing that it has fails", { timeout: 300_000 }, async (revision) => {
  const folder = configFolder({ store: "sqlite:receipts.db", actions: [] });
  const report = await runSuite(await onceguardOverHttp(folder, "mcp", "--http", "127.0.0.1:0"), revision);
  const failures = scoredFailures(report);
  const counted = failures.filter(
    ({ id, message }) => !FOLLOWS_FROM_IT.has(id) && !HAS_NO_SUCH_THING.some((words) => words.test(message)),
  );
  expect(counted).toEqual([]);
  expect(failures.filter(({ scenario }) => WHOLE[revision].includes(scenario))).toEqual([]);
  for (const scenario of WHOLE[revision]) {
    const passed = report.checks.filter((check) => check.scenario === scenario && check.status === "SUCCESS");
    expect(passed, scenario).not.toEqual([]);
  }
});
