import { expect, it } from "vitest";
import { EVERYTHING, gatewayBefore } from "./listening.ts";
import { REVISIONS, runSuite, scoredFailures } from "./suite.ts";

// A server that speaks stdio only, which the gateway serves over HTTP: what HTTP asks for is then the gateway's to give.
it.each(REVISIONS)(
  "the conformance report of a bridged server, %s: nothing that counts fails",
  {
    timeout: 180_000, // before 2026-07-28 every session has a server process of its own
  },
  async (revision) => {
    const upstream = ["--", process.execPath, EVERYTHING, "--stdio"];
    const url = await gatewayBefore(upstream, { riskTier: "side_effecting" }, "--window", "1ms");
    const report = await runSuite(url, revision);
    expect(scoredFailures(report)).toEqual([]);
    expect(report.checks.filter(({ status }) => status === "SUCCESS").length).toBeGreaterThan(70);
  },
);
