import { describe, expect, it } from "vitest";
import { gatewayBefore, upstreamServer } from "./listening.ts";
import { REVISIONS, runSuite, verdicts } from "./suite.ts";

/** What the suite says of a guarded call otherwise than of the bare one; neither makes a report fail. */
const OTHERWISE = [
  // A client may come back to a broken stream of the server. A guarded call outlives its caller instead, and the caller asks
  // again: it is answered in one piece, and what the scenario says of such streams does not arise.
  /^server-sse-polling \//,
  // The gateway compares Mcp-Param-* headers with the arguments before a guarded call; this server leaves them alone.
  /^http-custom-header-server-validation \//,
  // The scenario before leaves a question open for the same arguments. Answers that come without its state may be answers to
  // anything, so the question is asked again; a server alone has forgotten that it had asked.
  /^input-required-result-ignore-extra-params \/ sep-2322-ignore-unexpected-params/,
];

describe.each(REVISIONS)("the conformance report, %s", { timeout: 300_000 }, (revision) => {
  it("through the gateway is the same as without it", async () => {
    const upstream = await upstreamServer();
    const directly = await runSuite(upstream, revision);
    expect(directly.checks.filter(({ status }) => status === "SUCCESS").length).toBeGreaterThan(30);
    const relayed = await runSuite(await gatewayBefore(["--url", upstream], { riskTier: "safe" }), revision);
    expect(verdicts(relayed)).toEqual(verdicts(directly));
  });

  it("with every call guarded is the same, too", async () => {
    const upstream = await upstreamServer();
    const directly = await runSuite(upstream, revision);
    // The suite makes the same call several times and means it: with so short a window each is an intent of its own.
    const rule = { riskTier: "side_effecting" };
    const guarded = await runSuite(await gatewayBefore(["--url", upstream], rule, "--window", "1ms"), revision);
    const counted = (lines: readonly string[]) => lines.filter((line) => !OTHERWISE.some((one) => one.test(line)));
    expect(counted(verdicts(guarded))).toEqual(counted(verdicts(directly)));
    const headers = guarded.checks.filter(({ scenario }) => scenario === "http-custom-header-server-validation");
    expect(headers.filter(({ status }) => status === "FAILURE")).toEqual([]);
  });
});
