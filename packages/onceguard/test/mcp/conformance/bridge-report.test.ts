import { expect, it } from "vitest";
import { gatewayBefore, UPSTREAM, upstreamServer } from "./listening.ts";
import { REVISIONS, runSuite, scoredFailures } from "./suite.ts";

// A server that speaks stdio only, which the gateway serves over HTTP: what HTTP asks for is then the gateway's to give.
it.each(REVISIONS)(
  "the conformance report of a bridged server, %s: nothing fails that does not fail over its own HTTP",
  {
    timeout: 300_000, // before 2026-07-28 every session has a server process of its own
  },
  async (revision) => {
    const alone = new Set(scoredFailures(await runSuite(await upstreamServer(), revision)).map(({ id }) => id));
    const rule = { riskTier: "side_effecting" };
    const url = await gatewayBefore(["--", process.execPath, UPSTREAM, "--stdio"], rule, "--window", "1ms");
    const failed = scoredFailures(await runSuite(url, revision));
    expect(failed.filter(({ id }) => !alone.has(id))).toEqual([]);
  },
);
