import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { shopConfig } from "./config.ts";
import { configFolder, MCP } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

/** `onceguard mcp` at the end of a pipe, and what it says line by line. */
function pipe(
  args: readonly string[] = [],
  folder: string = configFolder(shopConfig(shop)),
): {
  child: ChildProcessWithoutNullStreams;
  folder: string;
  write: (text: string) => Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
  read: () => Promise<any>;
} {
  const child = spawn(process.execPath, [MCP, "mcp", "--quiet", ...args], { cwd: folder, stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    folder,
    write: async (text) => {
      if (!child.stdin.write(text)) await once(child.stdin, "drain");
    },
    read: async () => JSON.parse((await lines.next()).value as string),
  };
}

const HELLO = `${JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "hostile", version: "1" } },
})}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n`;

function call(id: number | string, given: string): string {
  return `{"method":"tools/call","params":{"name":"safe_execute","arguments":${given}},"jsonrpc":"2.0","id":${JSON.stringify(id)}}\n`;
}

it("answers every bad frame with an error, executes nothing, and goes on", async () => {
  const { child, write, read } = pipe();
  await write(HELLO);
  expect((await read()).id).toBe(1);

  await write("this is not JSON\n");
  expect(await read()).toMatchObject({ id: null, error: { code: -32700 } });
  await write('{"jsonrpc":"2.0","id":2,"method":"tools/call"\n');
  expect(await read()).toMatchObject({ error: { code: -32700 } });
  await write('[{"jsonrpc":"2.0","id":3,"method":"tools/list"}]\n');
  expect(await read()).toMatchObject({ error: { code: -32600 } });
  await write('{"id":4,"method":"tools/list"}\n');
  expect(await read()).toMatchObject({ id: 4, error: { code: -32600 } });
  await write(call(5, '{"action":"order","action":"careful_order","payload":{"ref":"H1"}}'));
  expect(await read()).toMatchObject({
    id: 5,
    error: { code: -32600, message: expect.stringContaining("repeats the key") },
  });
  await write(call("six", '{"action":"order","payload":{"ref":"H1","__proto__":{"x":1}}}'));
  expect(await read()).toMatchObject({ id: "six", error: { code: -32600 } });
  await write('{"jsonrpc":"2.0","id":7,"method":"no/such/method"}\n');
  expect(await read()).toMatchObject({ id: 7, error: { code: -32601 } });
  await write('{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"no_such_tool","arguments":{}}}\n');
  expect(await read()).toMatchObject({ id: 8, error: { code: -32602 } });

  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  await write(call(9, `{"action":"order","payload":{"ref":"H1","deep":${deep}}}`));
  expect(await read()).toMatchObject({ id: 9, error: { code: -32600, message: expect.stringContaining("deeper") } });

  const million = "x".repeat(1_048_576);
  await write(
    '{"method":"tools/call","params":{"name":"safe_execute","arguments":{"action":"order","payload":{"ref":"H1","text":"',
  );
  for (let megabyte = 0; megabyte < 50; megabyte++) await write(million);
  await write('"}}},"jsonrpc":"2.0","id":10}\n');
  expect(await read()).toMatchObject({
    id: 10,
    error: { code: -32600, message: expect.stringContaining("larger than") },
  });

  expect(shop.count()).toBe(0);
  await write(call(11, '{"action":"order","payload":{"ref":"H2"}}'));
  expect(await read()).toMatchObject({ id: 11, result: { structuredContent: { status: "executed" } } });
  expect(shop.orders("H2")).toHaveLength(1);
  child.stdin.end();
  expect((await once(child, "exit"))[0]).toBe(0);
});

it("when stdin closes, what runs is waited for and recorded", async () => {
  const { child, folder, write, read } = pipe();
  await write(HELLO);
  await read();
  await write(call(2, '{"action":"order","payload":{"ref":"H3","mode":"slow"}}'));
  await shop.until(() => shop.orders("H3").length === 1, "the order");
  child.stdin.end();
  expect((await once(child, "exit"))[0]).toBe(0);
  const again = pipe([], folder);
  await again.write(HELLO);
  await again.read();
  await again.write(call(2, '{"action":"order","payload":{"ref":"H3","mode":"slow"}}'));
  expect((await again.read()).result.structuredContent.status).toBe("replayed");
  expect(shop.orders("H3")).toHaveLength(1);
});

it.each(["stdin", "SIGTERM"])("past the grace (%s) it is in doubt, and never sent again", async (end) => {
  const { child, folder, write, read } = pipe(["--grace", "200ms"]);
  await write(HELLO);
  await read();
  const given = `{"action":"order","payload":{"ref":"H4-${end}","mode":"hold"}}`;
  await write(call(2, given));
  await shop.until(() => shop.orders(`H4-${end}`).length === 1, "the order");
  if (end === "stdin") child.stdin.end();
  else child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
  const again = pipe([], folder);
  await again.write(HELLO);
  await again.read();
  await again.write(call(2, given));
  expect(["in_doubt", "review"]).toContain((await again.read()).result.structuredContent.status);
  expect(shop.orders(`H4-${end}`)).toHaveLength(1);
  await shop.release();
});
