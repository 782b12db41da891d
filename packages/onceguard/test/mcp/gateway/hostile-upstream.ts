import { appendFileSync } from "node:fs";

/**
 * An MCP server that does what no server should, as `mode` of a call says, or `SERVER` in its environment. What it does
 * is in its ledger, with all arguments, before it answers.
 */
const ledger = process.env.LEDGER as string;
const server = process.env.SERVER ?? "";
let listings = 0;

// biome-ignore lint/suspicious/noExplicitAny: it reads whatever comes
type Any = any;

function say(text: string | Buffer): void {
  process.stdout.write(text);
}

function answer(id: Any, answer: object): void {
  say(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
}

const done = { result: { content: [{ type: "text", text: "done" }] } };
const inputSchema = { type: "object", properties: { ref: { type: "string" } } };
const TOOLS = [
  { name: "pay", inputSchema, annotations: { destructiveHint: false } },
  { name: "book", inputSchema, annotations: { destructiveHint: false } },
  { name: "find", inputSchema, annotations: { readOnlyHint: true } },
];

/** What it does instead of a plain answer, once it has done what it was asked for. */
const MODES: Readonly<Record<string, (id: Any) => void>> = {
  break: (id) => answer(id, { error: { code: -32603, message: "the printer is on fire" } }),
  later: (id) => void setTimeout(() => answer(id, done), 20),
  garbage: (id) => {
    say("this is no message\n\n{\n[]\nnull\n17\n\u0000\n");
    say(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a]));
    answer(id, done);
  },
  large: (id) => {
    say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"`);
    for (let megabyte = 0; megabyte < 50; megabyte++) say("x".repeat(1_048_576));
    say('"}}\n');
    answer(id, done);
  },
  twice: (id) => {
    answer(id, done);
    answer(id, { result: { content: [{ type: "text", text: "done again" }] } });
  },
  nobody: (id) => {
    for (const other of ["onceguard-000000000000-1", 999_999, null, { id }, `${id}0`]) answer(other, done);
    answer(id, done);
  },
  nothing: (id) => answer(id, {}),
  number: (id) => answer(id, { result: 17 }),
  list: (id) => answer(id, { result: [] }),
  bare: (id) => answer(id, { result: {} }),
  words: (id) => answer(id, { error: "it went wrong" }),
  flood: (id) => {
    for (let megabyte = 0; megabyte < 20; megabyte++) process.stderr.write(`${"y".repeat(1_048_575)}\n`);
    answer(id, done);
  },
  split: (id) => {
    const text = Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", id, ...done, about: "ü€😀" })}\n`);
    for (let at = 0; at < text.length; at++) say(text.subarray(at, at + 1));
  },
};

function call(id: Any, name: string, given: Any): void {
  if (given.mode === "reject") {
    answer(id, { error: { code: -32602, message: "no such account" } });
    return;
  }
  appendFileSync(ledger, `${JSON.stringify({ tool: name, ...given })}\n`);
  const goOn = MODES[given.mode] ?? ((own: Any) => answer(own, done));
  goOn(id);
}

function take({ id, method, params }: Any): void {
  if (method === "initialize") {
    const capabilities = { tools: {} };
    answer(id, {
      result: { protocolVersion: params.protocolVersion, capabilities, serverInfo: { name: "hostile", version: "1" } },
    });
  } else if (method === "tools/list") {
    if (server === "lists nothing") return;
    if (server === "lists later" && ++listings === 1) {
      answer(id, { error: { code: -32603, message: "not now" } });
      return;
    }
    answer(
      id,
      server === "lists garbage" ? { result: { tools: [17, null, {}, { name: 5 }] } } : { result: { tools: TOOLS } },
    );
  } else if (method === "tools/call") {
    call(id, params.name, params.arguments ?? {});
  } else if (id !== undefined) {
    answer(id, { result: {} });
  }
}

if (server === "dies at start") process.exit(7);
let rest = "";
process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    try {
      take(JSON.parse(line));
    } catch {
      // It answers nothing that it cannot read.
    }
  }
});
process.stdin.on("end", () => process.exit(0));
