import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Folder } from "../e2e/cli.ts";
import { Desk, UPSTREAM } from "./gateway/gateway-host.ts";
import { callTool, startHost } from "./host.ts";

const probe = { tool: "find", arguments: { ref: "{ref}" }, happenedWhen: "items[0]" };
/** Looks where nothing ever stands, so that it cannot tell. */
const blind = { ...probe, happenedWhen: "elsewhere[0]" };

it("what a tool of an upstream server left open is settled by `onceguard reconcile`, with the config's probe", async () => {
  const desk = new Desk();
  const folder = new Folder();
  const servers = { desk: { command: process.execPath, args: [UPSTREAM], env: { LEDGER: desk.ledger } } };
  const pay = { kind: "mcp", name: "pay", server: "desk", tool: "pay", riskTier: "side_effecting", keyFields: ["ref"] };
  const configure = (action: object): void =>
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ servers, actions: [action], wait: "1s" }));
  configure({ ...pay, probe: blind });
  const host = await startHost(folder.path, "2026-07-28");
  const { data } = await callTool(host.client, "safe_execute", {
    action: "pay",
    payload: { ref: "R1", mode: "break" },
  });
  expect(data.status).toBe("in_doubt");
  await host.client.close();

  configure({ ...pay, probe });
  const checklist = await folder.onceguard("checklist", "--json");
  expect(checklist.stdout).toContain('"pay"');
  const ended = await folder.onceguard("reconcile", data.request_id, "--json");
  expect(ended.json()).toMatchObject({ open: [] });
  expect(ended.stdout).toContain('"succeeded"');
  expect(desk.did("R1")).toHaveLength(1);
});
