import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { realServer } from "../mcp/gateway/real-servers.ts";
import type { HostSession, RealHost, ServerEntry, SessionOptions } from "./drivers/host.ts";
import { call } from "./model/script.ts";
import { type ScriptedModel, startModel } from "./model/scripted-model.ts";
import { directly, gateway, newWorld, ONCEGUARD, type World } from "./world.ts";

const DONE = { say: "done" };

/** What only a gateway has: servers of others, of which it knows nothing, or has ready rules. */
export function gatewayStoriesOf(host: RealHost): void {
  const { name, found } = host;

  async function opened(
    world: World,
    servers: Record<string, ServerEntry>,
    person?: SessionOptions["person"],
  ): Promise<{ model: ScriptedModel; session: HostSession }> {
    const model = await startModel();
    onTestFinished(() => model.close());
    const session = await host.open({ model, home: join(world.folder, "home"), servers, ...(person && { person }) });
    onTestFinished(() => session.close());
    return { model, session };
  }

  describe.skipIf("missing" in found)(`${name}, onceguard gateway before servers of others`, () => {
    it("nothing is known of the server: the model is asked to name its intent, and then it is one effect", async () => {
      const world = newWorld();
      const { model, session } = await opened(world, { desk: gateway(world, null, "--quiet") });
      const keyed = { calls: [call("desk", "place_order", { ref: "A1", idempotency_key: "order-A1" })] };
      model.follow({ calls: [directly.order({ ref: "A1" })] }, keyed, keyed, DONE);
      await session.say("order A1");
      expect(model.results[0]?.text).toContain("idempotency_key");
      for (const { text } of model.results.slice(1)) expect(text).toContain("order 1 placed for A1");
      expect(world.ledger()).toHaveLength(1);
      expect(world.ledger()[0]?.arguments).toEqual({ ref: "A1" }); // the key is the guard's, and not the server's
    });

    it.each([
      { how: "directly", after: "xxx" },
      { how: "through the gateway", after: "xx" },
    ])("server-filesystem, an edit that the model makes again, $how: $after", async ({ how, after }) => {
      const world = newWorld();
      // The host's own folder: hosts that declare roots let this server use no other.
      const data = join(world.folder, "home", "work");
      const path = join(data, "word.txt");
      mkdirSync(data, { recursive: true });
      writeFileSync(path, "x");
      const server = realServer("@modelcontextprotocol/server-filesystem", data);
      const store = `sqlite:${join(world.folder, "receipts.db")}`;
      const before = ["gateway", "--name", "files", "--rules", "filesystem", "--store", store, "--"];
      const [command = "", ...args] = how === "directly" ? server : [process.execPath, ONCEGUARD, ...before, ...server];
      const { model, session } = await opened(world, { files: { command, args } });
      // The file itself shows a second effect: the word grows.
      const edit = { calls: [call("files", "edit_file", { path, edits: [{ oldText: "x", newText: "xx" }] })] };
      model.follow(edit, edit, DONE);
      await session.say("double the letter");
      expect(model.results).toHaveLength(2);
      expect(readFileSync(path, "utf8")).toBe(after);
    });

    it("server-memory: what the model stores twice is there once, and what it reads is what is there", async () => {
      const world = newWorld();
      const server = realServer("@modelcontextprotocol/server-memory");
      const store = `sqlite:${join(world.folder, "receipts.db")}`;
      const args = [ONCEGUARD, "gateway", "--name", "memory", "--rules", "memory", "--store", store, "--", ...server];
      const env = { MEMORY_FILE_PATH: join(world.folder, "memory.jsonl") };
      const { model, session } = await opened(world, { memory: { command: process.execPath, args, env } });
      const ada = { name: "Ada", entityType: "person", observations: ["likes engines"] };
      const store1 = { calls: [call("memory", "create_entities", { entities: [ada] })] };
      model.follow(store1, store1, { calls: [call("memory", "read_graph", {})] }, DONE);
      await session.say("remember Ada");
      const [first, again, graph] = model.results;
      expect(first?.text).toContain("Ada");
      expect(again?.text).toContain("Ada"); // alone, the server says the second time that it has added nothing
      expect(graph?.text).toContain("likes engines");
      expect(readFileSync(env.MEMORY_FILE_PATH, "utf8").trim().split("\n")).toHaveLength(1);
    });

    it("server-everything: what the model is told is the same as without the gateway", async () => {
      const calls = Object.entries(EVERYTHING).map(([tool, args]) => call("every", tool, args));
      const told: Record<"directly" | "guarded", readonly string[]> = { directly: [], guarded: [] };
      for (const how of ["directly", "guarded"] as const) {
        const world = newWorld();
        const server = realServer("@modelcontextprotocol/server-everything");
        const store = `sqlite:${join(world.folder, "receipts.db")}`;
        const before = [process.execPath, ONCEGUARD, "gateway", "--name", "every", "--trust", "--store", store, "--"];
        const [command = "", ...args] = how === "directly" ? server : [...before, ...server];
        const { model, session } = await opened(world, { every: { command, args } }, () => ({
          action: "accept",
          content: { name: "Ada", check: true },
        }));
        model.follow({ calls }, DONE);
        await session.say("try them all");
        told[how] = model.results.map(({ tool, text }) => `${tool}: ${text.replace(/Wall time: [\d.]+/, "")}`).sort();
      }
      expect(told.directly).toHaveLength(calls.length);
      expect(told.directly.filter((line) => /unsupported call|No such tool/.test(line))).toEqual([]);
      expect(told.guarded).toEqual(told.directly);
    });
  });
}

/** What that server has for every host: text, progress, structured content, errors, links, and a question to the person. */
const EVERYTHING: Readonly<Record<string, Record<string, unknown>>> = {
  echo: { message: "hello" },
  "get-sum": { a: 1, b: 2 },
  "trigger-long-running-operation": { duration: 1, steps: 3 },
  "get-structured-content": { location: "New York" },
  "get-annotated-message": { messageType: "error", includeImage: false },
  "get-resource-links": { count: 2 },
  "trigger-elicitation-request": {},
};
