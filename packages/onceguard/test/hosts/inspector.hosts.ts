import { describe, expect, it } from "vitest";
import { INSPECTOR_ERAS, inspect, inspectorFound } from "./drivers/inspector.ts";
import { directly, newWorld, overHttp, throughGateway, throughServer, throughTrustingGateway } from "./world.ts";

console.log(
  "version" in inspectorFound
    ? `MCP Inspector: ${inspectorFound.version}`
    : `MCP Inspector: SKIPPED, ${inspectorFound.missing}`,
);

const WAYS = [directly, throughServer, throughGateway, throughTrustingGateway];

describe.skipIf("missing" in inspectorFound).each(WAYS)("MCP Inspector, $name", (way) => {
  describe.each(INSPECTOR_ERAS)("--protocol-era %s", (era) => {
    const asked = (ref: string): string[] => {
      const { tool, args } = way.order({ ref });
      return ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args)];
    };

    it("lists the tools", async () => {
      const world = newWorld();
      const { tools } = await inspect(world.folder, era, way.server(world), "--method", "tools/list");
      expect(tools.map(({ name }: { name: string }) => name)).toContain(way.order({ ref: "I1" }).tool);
    });

    it(`the same call from two processes: ${way.guarded ? 1 : 2} of 2`, async () => {
      const world = newWorld();
      const server = way.server(world);
      const first = await inspect(world.folder, era, server, ...asked("I1"));
      const again = await inspect(world.folder, era, server, ...asked("I1"));
      expect(JSON.stringify(first)).toContain("order 1 placed for I1");
      expect(JSON.stringify(again)).toContain(`order ${way.guarded ? 1 : 2} placed for I1`);
      expect(world.ledger()).toHaveLength(way.guarded ? 1 : 2);
    });

    it(`its load mode, 200 identical calls, 50 at a time: ${way.guarded ? 1 : 200} of 200`, async () => {
      const world = newWorld();
      const load = ["--load", "--load-requests", "200", "--load-concurrency", "50"];
      const summary = await inspect(world.folder, era, way.server(world), ...asked("I1"), ...load);
      expect(summary).toMatchObject({ requests: 200, ok: 200, errors: 0, toolErrors: 0 });
      expect(world.ledger()).toHaveLength(way.guarded ? 1 : 200);
    });
  });
});

describe.skipIf("missing" in inspectorFound).each([throughServer, throughTrustingGateway])(
  "MCP Inspector, $name over HTTP",
  (way) => {
    it.each(INSPECTOR_ERAS)(
      "--protocol-era %s: lists, calls, repeats, and 200 times at once: 1 of 202",
      async (era) => {
        const world = newWorld();
        const server = await overHttp(way.server(world));
        const { tool, args } = way.order({ ref: "I1" });
        const { tools } = await inspect(world.folder, era, server, "--method", "tools/list");
        expect(tools.map(({ name }: { name: string }) => name)).toContain(tool);
        const asked = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args)];
        for (const _ of [1, 2]) {
          expect(JSON.stringify(await inspect(world.folder, era, server, ...asked))).toContain("order 1 placed for I1");
        }
        const load = ["--load", "--load-requests", "200", "--load-concurrency", "50"];
        const summary = await inspect(world.folder, era, server, ...asked, ...load);
        expect(summary).toMatchObject({ requests: 200, ok: 200, errors: 0, toolErrors: 0 });
        expect(world.ledger()).toHaveLength(1);
      },
    );
  },
);
