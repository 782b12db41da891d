import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { READY_RULES } from "../../../src/mcp/gateway/ready-rules/index.ts";
import { gatewayBefore, type Message, RawHost } from "./raw-host.ts";
import { realServer } from "./real-servers.ts";

/** Real servers with their whole tool lists: through the gateway they do what they do without it, bar the doubles. */

interface Call {
  readonly tool: string;
  readonly given: Record<string, unknown>;
  readonly more?: object;
  /** Where the gateway does not go without one. */
  readonly key?: string;
}

/** A place for a server's state, the same for the server alone and for the server behind the gateway. */
class Place {
  readonly root = mkdtempSync(join(tmpdir(), "onceguard-upstream-"));
  readonly data = join(this.root, "data");
  readonly #seed: (data: string) => void;

  constructor(seed: (data: string) => void) {
    this.#seed = seed;
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }));
  }

  fresh(): void {
    rmSync(this.data, { recursive: true, force: true });
    mkdirSync(this.data);
    this.#seed(this.data);
  }

  /** What the server has made of it: the judge of effects. */
  state(): Record<string, string> {
    const paths = globSync("**/*", { cwd: this.data }).sort();
    return Object.fromEntries(
      paths.map((path) => {
        const full = join(this.data, path);
        return [path, statSync(full).isDirectory() ? "folder" : readFileSync(full, "utf8")];
      }),
    );
  }
}

/** A host whose person says yes, whose model says hello, and which shows the one folder. */
function answers(place: Place, method: string, params: Message): object | undefined {
  switch (method) {
    case "roots/list":
      return { roots: [{ uri: pathToFileURL(place.data).href, name: "data" }] };
    case "sampling/createMessage":
      return { role: "assistant", content: { type: "text", text: "hello" }, model: "test", stopReason: "endTurn" };
    case "elicitation/create":
      if (params.mode === "url") return { action: "accept" };
      return { action: "accept", content: { approve: true, name: "Ada", integer: 42, interpretation: "technical" } };
    default:
      return undefined;
  }
}

/** What differs from run to run whoever asks: times, random ids; and what the gateway adds for those who look for it. */
function comparable(message: Message): Message {
  const { id: _id, ...rest } = message;
  const text = JSON.stringify(rest, (key, value) => {
    if (key === "dev.onceguard/request") return undefined;
    if (key === "_meta" && Object.keys(value).every((meta) => meta === "dev.onceguard/request")) return undefined;
    return value;
  });
  return JSON.parse(
    text
      .replace(/[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} [\d:]+ GMT[+-]\d{4} \([^)]*\)/g, "TIME")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replace(/\d{1,2}:\d\d:\d\d [AP]M/g, "TIME")
      .replace(/"taskId":"[^"]*"/g, '"taskId":"ID"')
      .replace(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, "ID"),
  );
}

/** What arrived in the course of a call, answer and all: requests and notifications too. */
async function heardOf(host: RawHost, call: Call, isGuarded: boolean): Promise<Message[]> {
  const before = host.received.length;
  const key = isGuarded && call.key !== undefined ? { idempotency_key: call.key } : {};
  await host.call(call.tool, { ...call.given, ...key }, call.more);
  return host.received
    .slice(before)
    .filter(({ method }) => method !== "notifications/message" && method !== "notifications/tools/list_changed")
    .filter((message) => !isApproval(message))
    .map(comparable);
}

function isApproval({ method, params }: Message): boolean {
  return method === "elicitation/create" && params.requestedSchema?.properties?.approve !== undefined;
}

async function opened(place: Place, command: readonly string[], env: Record<string, string> = {}): Promise<RawHost> {
  return new RawHost({
    command,
    cwd: place.root,
    env,
    answers: (method, params) => answers(place, method, params),
  }).greet();
}

async function toolsOf(host: RawHost): Promise<Message[]> {
  return (await host.ask("tools/list", {})).result.tools;
}

/** The same calls with and without the gateway, each on a fresh state, and what came of them. */
async function bothWays(
  place: Place,
  server: readonly string[],
  { args, env = {}, calls }: { args: readonly string[]; env?: Record<string, string>; calls: readonly Call[] },
): Promise<RawHost> {
  const runs: { names: string[]; heard: Message[][]; state: Record<string, string> }[] = [];
  let host: RawHost | null = null;
  for (const isGuarded of [false, true]) {
    place.fresh();
    host = await opened(place, isGuarded ? gatewayBefore(server, args) : server, env);
    const names = await listedWith(
      host,
      calls.map(({ tool }) => tool),
    );
    const heard: Message[][] = [];
    for (const call of calls) heard.push(await heardOf(host, call, isGuarded));
    runs.push({ names, heard, state: place.state() });
    if (!isGuarded) host.child.kill(); // not every server ends by itself when its host has left
  }
  const [direct, guarded] = runs;
  expect(guarded?.names).toEqual(direct?.names);
  expect([...new Set(calls.map(({ tool }) => tool))].sort(), "every tool is called").toEqual(direct?.names);
  for (const [n, call] of calls.entries()) {
    expect(guarded?.heard[n], `${call.tool} ${JSON.stringify(call.given)}`).toEqual(direct?.heard[n]);
  }
  expect(guarded?.state).toEqual(direct?.state);
  return host as RawHost;
}

/** The ready rules without their windows: however slow the machine, what is repeated here is a repetition. */
function lastingRules(place: Place, name: string): string {
  const tools = Object.entries(READY_RULES[name]?.tools ?? {}).map(([tool, { window: _window, ...rule }]) => [
    tool,
    rule,
  ]);
  const file = join(place.root, "rules.json");
  writeFileSync(file, JSON.stringify({ tools: Object.fromEntries(tools) }));
  return file;
}

/** server-everything adds tools some time after the handshake. */
async function listedWith(host: RawHost, needed: readonly string[]): Promise<string[]> {
  for (;;) {
    const names = (await toolsOf(host)).map(({ name }) => name as string).sort();
    if (needed.every((name) => names.includes(name))) return names;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function statusOf(message: Message): string | undefined {
  return message.result?._meta?.["dev.onceguard/request"]?.status;
}

describe("server-filesystem", () => {
  const seed = (data: string): void => {
    writeFileSync(join(data, "notes.txt"), "one\ntwo\nthree\n");
    writeFileSync(join(data, "old.txt"), "old\n");
    mkdirSync(join(data, "sub"));
    writeFileSync(join(data, "sub", "pixel.png"), "not really");
  };
  const changes = (data: string): Call[] => [
    { tool: "write_file", given: { path: join(data, "new.txt"), content: "new\n" } },
    { tool: "edit_file", given: { path: join(data, "notes.txt"), edits: [{ oldText: "two", newText: "two two" }] } },
    { tool: "create_directory", given: { path: join(data, "made", "here") } },
    { tool: "move_file", given: { source: join(data, "old.txt"), destination: join(data, "sub", "old.txt") } },
  ];
  const calls = (data: string): Call[] => [
    { tool: "list_allowed_directories", given: {} },
    { tool: "read_file", given: { path: join(data, "notes.txt") } },
    { tool: "read_text_file", given: { path: join(data, "notes.txt"), head: 2 } },
    { tool: "read_media_file", given: { path: join(data, "sub", "pixel.png") } },
    { tool: "read_multiple_files", given: { paths: [join(data, "notes.txt"), join(data, "missing.txt")] } },
    { tool: "list_directory", given: { path: data } },
    { tool: "list_directory_with_sizes", given: { path: data, sortBy: "size" } },
    { tool: "directory_tree", given: { path: data } },
    { tool: "search_files", given: { path: data, pattern: "**/*.txt" } },
    { tool: "get_file_info", given: { path: join(data, "notes.txt") } },
    ...changes(data),
    // What goes wrong, goes wrong in the server's own words; and again when it is tried again.
    { tool: "read_text_file", given: { path: join(data, "missing.txt") } },
    { tool: "write_file", given: { path: "/etc/onceguard", content: "no" } },
    { tool: "write_file", given: { path: "/etc/onceguard", content: "no" } },
    { tool: "edit_file", given: { path: join(data, "notes.txt"), edits: [{ oldText: "four", newText: "five" }] } },
    { tool: "move_file", given: { source: join(data, "nothing"), destination: join(data, "something") } },
  ];

  it("does the same with all its tools, and a repeated change only once", async () => {
    const place = new Place(seed);
    const server = realServer("@modelcontextprotocol/server-filesystem", place.data);
    const host = await bothWays(place, server, {
      args: ["--rules", lastingRules(place, "filesystem")],
      calls: calls(place.data),
    });
    // Somebody takes back what was done. A second effect would bring it again.
    place.fresh();
    for (const call of changes(place.data)) {
      const again = await host.call(call.tool, call.given);
      expect(statusOf(again), call.tool).toBe("replayed");
      expect(again.result.isError, call.tool).not.toBe(true);
    }
    const untouched = place.state();
    place.fresh();
    expect(untouched).toEqual(place.state());
    expect(await host.leave()).toBe(0);
  });
});

describe("server-memory", () => {
  const file = (data: string): string => join(data, "memory.jsonl");
  const seed = (data: string): void => {
    const entity = (name: string) => ({ type: "entity", name, entityType: "person", observations: ["is here"] });
    const relation = { type: "relation", from: "Ada", to: "Bob", relationType: "knows" };
    const lines = [entity("Ada"), entity("Bob"), entity("Cid"), relation];
    writeFileSync(file(data), lines.map((line) => JSON.stringify(line)).join("\n"));
  };
  const changes: Call[] = [
    { tool: "create_entities", given: { entities: [{ name: "Dee", entityType: "person", observations: ["new"] }] } },
    { tool: "create_relations", given: { relations: [{ from: "Dee", to: "Ada", relationType: "asks" }] } },
    { tool: "add_observations", given: { observations: [{ entityName: "Dee", contents: ["asks much"] }] } },
    { tool: "delete_observations", given: { deletions: [{ entityName: "Ada", observations: ["is here"] }] } },
    { tool: "delete_relations", given: { relations: [{ from: "Ada", to: "Bob", relationType: "knows" }] } },
    { tool: "delete_entities", given: { entityNames: ["Cid"] }, key: "forget Cid" },
  ];
  const calls: Call[] = [
    { tool: "read_graph", given: {} },
    { tool: "search_nodes", given: { query: "Ada" } },
    { tool: "open_nodes", given: { names: ["Bob"] } },
    ...changes,
    { tool: "read_graph", given: {} },
    { tool: "add_observations", given: { observations: [{ entityName: "nobody", contents: ["x"] }] } },
  ];

  it("does the same with all its tools, and a repeated change only once", async () => {
    const place = new Place(seed);
    const server = realServer("@modelcontextprotocol/server-memory");
    const env = { MEMORY_FILE_PATH: file(place.data) };
    const host = await bothWays(place, server, { args: ["--rules", lastingRules(place, "memory")], env, calls });
    place.fresh();
    const untouched = place.state();
    for (const { tool, given, key } of changes) {
      const again = await host.call(tool, { ...given, ...(key !== undefined && { idempotency_key: key }) });
      expect(statusOf(again), tool).toBe("replayed");
    }
    expect(place.state()).toEqual(untouched);
    expect(await host.leave()).toBe(0);
  });
});

describe("server-everything", () => {
  const progressing = { _meta: { progressToken: "mine" } };
  const url = { url: "https://example.com/", message: "open it", elicitationId: "E1" };
  const calls: Call[] = [
    { tool: "echo", given: { message: "hello" } },
    { tool: "get-annotated-message", given: { messageType: "error", includeImage: true } },
    { tool: "get-env", given: {} },
    { tool: "get-resource-links", given: { count: 3 } },
    { tool: "get-resource-reference", given: { resourceType: "Text", resourceId: 1 } },
    { tool: "get-roots-list", given: {} },
    { tool: "get-structured-content", given: { location: "Chicago" } },
    { tool: "get-sum", given: { a: 1, b: 2 } },
    { tool: "get-tiny-image", given: {} },
    { tool: "gzip-file-as-resource", given: { name: "a.gz", data: "data:text/plain,hello", outputType: "resource" } },
    { tool: "trigger-long-running-operation", given: { duration: 0.05, steps: 5 }, more: progressing },
    { tool: "trigger-sampling-request", given: { prompt: "say hello", maxTokens: 5 } },
    { tool: "trigger-sampling-request-async", given: { prompt: "say hello", maxTokens: 5 } },
    { tool: "trigger-elicitation-request", given: {} },
    { tool: "trigger-elicitation-request-async", given: {} },
    { tool: "trigger-url-elicitation", given: url },
    // The host opens the page, and calls again: that one goes through.
    { tool: "trigger-url-elicitation", given: { ...url, errorPath: true } },
    { tool: "trigger-url-elicitation", given: { ...url, errorPath: true } },
    { tool: "simulate-research-query", given: { topic: "tea" }, more: { task: { ttl: 60_000 } } },
    { tool: "toggle-subscriber-updates", given: {} },
    { tool: "toggle-simulated-logging", given: {} },
  ];

  it("does the same with all its tools, progress, sampling, elicitation and tasks among it", async () => {
    const place = new Place(() => undefined);
    const server = realServer("@modelcontextprotocol/server-everything");
    const host = await bothWays(place, server, { args: ["--trust"], calls });
    expect(host.received.filter(({ method }) => method === "notifications/progress")).toHaveLength(5);
    const asked = (): number => host.received.filter(({ id, method }) => id !== undefined && method).length;
    const before = asked();
    const shown = await host.call("toggle-simulated-logging", {});
    expect(shown.result.content[0].text).toContain("Started");
    for (const tool of ["trigger-sampling-request", "trigger-elicitation-request", "trigger-url-elicitation"]) {
      const { given } = calls.find((call) => call.tool === tool) as Call;
      expect(statusOf(await host.call(tool, given)), tool).toBe("replayed");
    }
    expect(asked(), "nobody is asked a second time").toBe(before);
    expect(await host.leave()).toBe(0);
  });

  it("keeps a task that was made once, and its polling passes", async () => {
    const place = new Place(() => undefined);
    place.fresh();
    const host = await opened(place, gatewayBefore(realServer("@modelcontextprotocol/server-everything"), ["--trust"]));
    await listedWith(host, ["simulate-research-query"]);
    const ask = () => host.call("simulate-research-query", { topic: "tea" }, { task: { ttl: 60_000 } });
    const first = (await ask()).result.task;
    const second = (await ask()).result.task;
    expect(second.taskId).toBe(first.taskId);
    const { result } = await host.ask("tasks/get", { taskId: first.taskId });
    expect(["working", "completed"]).toContain(result.status);
    expect(await host.leave()).toBe(0);
  });
});
