import type { Client } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { ERAS, type Era } from "../host.ts";
import { call, Desk } from "./gateway-host.ts";
import { openDesk, openGateway, openHost } from "./http-host.ts";

type Prepare = { prepare?: (client: Client) => void; elicits?: boolean };

/** The two ways to join a host and a server that do not speak the same transport. */
const BRIDGES: Record<string, (desk: Desk, era: Era, options?: Prepare, args?: string[]) => Promise<Client>> = {
  "a stdio host, a remote server": async (desk, era, { prepare, elicits } = {}, args = ["--trust"]) => {
    const { client } = await desk.open(era, {
      url: await openDesk(desk),
      args,
      ...(prepare && { prepare }),
      ...(elicits && { client: { capabilities: { elicitation: {} } } }),
    });
    return client;
  },
  "a host over HTTP, a server process": async (desk, era, options = {}, args = ["--trust"]) => {
    const { url } = await openGateway(desk, null, args);
    return openHost(url, era, options);
  },
};

describe.each(Object.keys(BRIDGES))("%s", (name) => {
  const open = BRIDGES[name] as (typeof BRIDGES)[string];

  it.each(ERAS)("%s: a repeated call is done once, progress arrives, all else passes", async (era) => {
    const desk = new Desk();
    const client = await open(desk, era);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("pay");
    expect(await call(client, "pay", { ref: "A1" })).toMatchObject({ status: "executed", text: "paid A1 as 1" });
    expect(await call(client, "pay", { ref: "A1" })).toMatchObject({ status: "replayed" });
    expect((await call(client, "find", { ref: "A1" })).status).toBeUndefined();
    expect(desk.did("A1")).toHaveLength(1);
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
    const paid = call(client, "pay", { ref: "A2", mode: "steps_hold" }, { onprogress } as never);
    // Before the answer: with that the client forgets its listener.
    await desk.until(() => seen.length === 3, "the progress");
    desk.release("A2");
    await paid;
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each(["2025-11-25", "2026-07-28"] as const)("%s: the server's own question reaches the host", async (era) => {
    const desk = new Desk();
    const client = await open(desk, era, {
      elicits: true,
      prepare: (made) =>
        void made.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { sure: true } })),
    });
    const remote = name.startsWith("a stdio");
    // Over HTTP without sessions the desk cannot ask a host of the earlier era at all, with or without a gateway.
    if (remote && era === "2025-11-25") return;
    expect(await call(client, "confirm_pay", { ref: "B1" })).toMatchObject({ text: "paid B1 as 1" });
    expect((await call(client, "confirm_pay", { ref: "B1" })).status).toBe("replayed");
    expect(desk.did("B1")).toHaveLength(1);
  });

  it.each(["2025-11-25", "2026-07-28"] as const)("%s: an approval is asked of the host", async (era) => {
    const desk = new Desk();
    desk.config({ gateway: { tools: { pay: { riskTier: "side_effecting", approval: "money leaves" } } } });
    const asked: string[] = [];
    const prepare = (made: Client) =>
      void made.setRequestHandler("elicitation/create", ({ params }) => {
        asked.push(params.message);
        return { action: "accept", content: { approve: true } };
      });
    const client = await open(desk, era, { elicits: true, prepare }, []);
    expect(await call(client, "pay", { ref: "C1" })).toMatchObject({ status: "executed" });
    expect(asked.join()).toContain("money leaves");
    expect(desk.did("C1")).toHaveLength(1);
  });

  it("a server that dies in the middle of an effect leaves a question", async () => {
    const desk = new Desk();
    const client = await open(desk, "2026-07-28");
    const broken = await call(client, "pay", { ref: "D1", mode: "crash" });
    expect(broken.text).toContain("Do not do it in any other way");
    expect(desk.did("D1")).toHaveLength(1);
  });
});

describe("a host over HTTP, a server process", () => {
  it("has a process per session, and one principal's session is nobody else's", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, null);
    const [one, two] = [await openHost(url, "2025-11-25"), await openHost(url, "2025-11-25")];
    expect((await call(one, "pay", { ref: "E1" })).status).toBe("executed");
    expect((await call(two, "pay", { ref: "E1" })).status).toBe("replayed");
    const stranger = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "mcp-session-id": "made-up" },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    expect(stranger.status).toBe(404);
    expect(desk.did("E1")).toHaveLength(1);
  });

  it("serves many callers through one modern session, each with its own ids", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, null);
    const hosts = await Promise.all(Array.from({ length: 8 }, () => openHost(url, "2026-07-28")));
    const answers = await Promise.all(hosts.map((host, n) => call(host, "pay", { ref: `F${n % 2}` })));
    expect(answers.map(({ text }) => text.slice(0, 7)).sort()).toEqual([
      ...Array(4).fill("paid F0"),
      ...Array(4).fill("paid F1"),
    ]);
    expect(desk.did("F0")).toHaveLength(1);
    expect(desk.did("F1")).toHaveLength(1);
  });
});
