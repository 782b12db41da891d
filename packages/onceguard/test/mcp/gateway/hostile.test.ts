import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { gatewayBefore, type Message, RawHost } from "./raw-host.ts";

/** Whatever comes, from either side: an error in words, nothing done twice, and the next call is answered. */

const UPSTREAM = fileURLToPath(new URL("./hostile-upstream.ts", import.meta.url));

interface Table {
  readonly host: RawHost;
  /** Another host with a gateway and a server of its own, on the same store and ledger. */
  open(): RawHost;
  /** What the server did for this reference. */
  did(ref: string): readonly Message[];
  all(): readonly Message[];
  /** A call that is as it should be, answered as it should be. */
  good(): Promise<void>;
}

async function table(server = "", args: readonly string[] = ["--trust"]): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-hostile-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const ledger = join(folder, "ledger.jsonl");
  const command = gatewayBefore([process.execPath, UPSTREAM], ["--name", "desk", ...args]);
  const open = (): RawHost => new RawHost({ command, cwd: folder, env: { LEDGER: ledger, SERVER: server } });
  const host = open();
  const all = (): Message[] =>
    existsSync(ledger)
      ? readFileSync(ledger, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      : [];
  const did = (ref: string): Message[] => all().filter((entry) => entry.ref === ref);
  let goods = 0;
  const good = async (): Promise<void> => {
    const ref = `good ${++goods}`;
    expect(statusOf(await host.call("pay", { ref }))).toBe("executed");
    expect(did(ref)).toHaveLength(1);
  };
  return { host, open, did, all, good };
}

function statusOf(message: Message): string | undefined {
  return message.result?._meta?.["dev.onceguard/request"]?.status;
}

const call = (id: string, given: string, more = ""): string =>
  `{"method":"tools/call","params":{"name":"pay","arguments":${given}${more}},"jsonrpc":"2.0","id":${id}}\n`;

describe("a host that sends", () => {
  const DEEP = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const refused: readonly [string, { line: string; id: unknown; code: number; words?: RegExp }][] = [
    ["no JSON", { line: "this is not JSON\n", id: null, code: -32700 }],
    ["half a message", { line: '{"jsonrpc":"2.0","id":2,"method":"tools/call"\n', id: 2, code: -32700 }],
    ["a batch", { line: `[${call("3", '{"ref":"X"}').trim()}]\n`, id: null, code: -32600 }],
    ["a text", { line: '"tools/call"\n', id: null, code: -32600 }],
    ["a key twice", { line: call("5", '{"ref":"X","ref":"Y"}'), id: 5, code: -32600, words: /repeats the key/ }],
    ["a key twice, once with an escape", { line: call("6", '{"ref":"X","r\\u0065f":"Y"}'), id: 6, code: -32600 }],
    ["__proto__", { line: call("7", '{"ref":"X","__proto__":{"ref":"Y"}}'), id: 7, code: -32600 }],
    ["a lone surrogate", { line: call("8", '{"ref":"X\\ud800"}'), id: 8, code: -32600 }],
    [
      "an integer that loses digits",
      { line: call("9", '{"ref":"X","sum":12345678901234567890}'), id: 9, code: -32600 },
    ],
    ["a number beyond all", { line: call("10", '{"ref":"X","sum":1e999}'), id: 10, code: -32600 }],
    ["JSON 20,000 deep", { line: call("11", `{"ref":"X","deep":${DEEP}}`), id: 11, code: -32600, words: /deeper/ }],
    ["an id of null", { line: call("null", '{"ref":"X"}'), id: null, code: -32600, words: /needs an id/ }],
    ["an id of true", { line: call("true", '{"ref":"X"}'), id: null, code: -32600, words: /needs an id/ }],
    ["an id of a list", { line: call("[1]", '{"ref":"X"}'), id: null, code: -32600, words: /needs an id/ }],
    ["an id of an object", { line: call('{"a":1}', '{"ref":"X"}'), id: null, code: -32600, words: /needs an id/ }],
    ["an id that loses digits", { line: call("12345678901234567890", '{"ref":"X"}'), id: null, code: -32600 }],
    ["no id", { line: call("1", '{"ref":"X"}').replace(',"id":1', ""), id: null, code: -32600, words: /needs an id/ }],
    ["a member too many", { line: call("12", '{"ref":"X"}').replace('"id"', '"extra":1,"id"'), id: 12, code: -32600 }],
    ["a state that nobody gave", { line: call("13", '{"ref":"X"}', ',"requestState":"x"'), id: 13, code: -32602 }],
    ["a state of another kind", { line: call("14", '{"ref":"X"}', ',"requestState":{"a":1}'), id: 14, code: -32602 }],
  ];

  it("what cannot be read hears so, each time, and the next call is answered", async () => {
    const { host, did, all, good } = await table();
    await host.greet();
    for (const [what, { line, id, code, words }] of refused) {
      const before = host.received.length;
      host.write(line);
      const message = await host.until(what, () => host.received[before]);
      expect(message, what).toMatchObject({ id, error: { code } });
      if (words) expect(message.error.message, what).toMatch(words);
      await good();
    }
    expect(did("X")).toEqual([]);
    expect(all()).toHaveLength(refused.length);
    expect(await host.leave()).toBe(0);
  });

  it("a message of no known version, or arguments that are none: nothing is done", async () => {
    const { host, all, good } = await table();
    await host.greet();
    const params = { name: "pay", arguments: { ref: "V" } };
    host.write(`${JSON.stringify({ id: 1, method: "tools/call", params })}\n`);
    host.write(`${JSON.stringify({ jsonrpc: "1.0", id: 2, method: "tools/call", params })}\n`);
    for (const [n, given] of [["V"], "V", 5, null, true].entries()) {
      host.send({ id: n + 3, method: "tools/call", params: { name: "pay", arguments: given } });
    }
    for (const id of [1, 2, 3, 4, 5, 6, 7]) {
      const { error, result } = await host.answerTo(id);
      expect(error !== undefined || result.isError === true, `${id}: ${JSON.stringify(result)}`).toBe(true);
    }
    await good();
    expect(all()).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("a key that names nothing hears so, and nothing is done", async () => {
    const { host, did, good } = await table();
    await host.greet();
    const keys = ["", 5, null, {}, [], true, "x".repeat(256), "a\nb", "a\u0000b"];
    for (const key of keys) {
      const said = await host.call("pay", { ref: "K", idempotency_key: key });
      expect(said.result, JSON.stringify(key)).toMatchObject({ isError: true });
      expect(JSON.stringify(said)).toContain("invalid_request_id");
      const beside = await host.call("pay", { ref: "K" }, { idempotencyKey: key });
      expect(JSON.stringify(beside), JSON.stringify(key)).toContain("invalid_request_id");
    }
    await good();
    expect(did("K")).toEqual([]);
    expect(await host.leave()).toBe(0);
  });

  it("a strange id gets its answer under it", async () => {
    const { host, did } = await table();
    await host.greet();
    const ids = [
      1.5,
      0,
      -1,
      9_007_199_254_740_991,
      "",
      "1",
      1,
      "constructor",
      "__proto__",
      "ü😀",
      "x".repeat(1_000_000),
    ];
    for (const [n, id] of ids.entries()) {
      host.send({ id, method: "tools/call", params: { name: "pay", arguments: { ref: `I${n}` } } });
      expect(statusOf(await host.answerTo(id)), String(id).slice(0, 20)).toBe("executed");
      expect(did(`I${n}`)).toHaveLength(1);
    }
    for (const id of ids) expect(host.answersTo(id)).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("an id that is in use hears so, and the first keeps its answer", async () => {
    const { host, did } = await table();
    await host.greet();
    host.write(call("1", '{"ref":"U1","mode":"later"}') + call("1", '{"ref":"U2"}'));
    await host.until("both answers", () => host.answersTo(1).length === 2);
    const [refusal, answer] = host.answersTo(1);
    expect(refusal.error.message).toContain("still under way");
    expect(statusOf(answer)).toBe("executed");
    expect([did("U1").length, did("U2").length]).toEqual([1, 0]);
    expect(await host.leave()).toBe(0);
  });

  it("50 MB of arguments hears so, and the next call is answered", async () => {
    const { host, did, good } = await table();
    await host.greet();
    host.write('{"method":"tools/call","params":{"name":"pay","arguments":{"ref":"L","text":"');
    for (let megabyte = 0; megabyte < 50; megabyte++) host.write("x".repeat(1_048_576));
    host.write('"}},"jsonrpc":"2.0","id":10}\n');
    expect((await host.answerTo(10)).error).toMatchObject({ code: -32600, message: expect.stringContaining("larger") });
    await good();
    expect(did("L")).toEqual([]);
    expect(await host.leave()).toBe(0);
  });

  it("as much as is allowed gets it done", async () => {
    const { host, did } = await table();
    await host.greet();
    const ref = "x".repeat(15 * 1_048_576);
    expect(statusOf(await host.call("pay", { ref }))).toBe("executed");
    expect(statusOf(await host.call("pay", { ref }))).toBe("replayed");
    expect(did(ref)).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("what is no UTF-8 does it once, as any reader would read it", async () => {
    const { host, all } = await table();
    await host.greet();
    for (const id of [1, 2]) {
      const [head = "", tail = ""] = call(String(id), '{"ref":"|"}').split("|");
      host.write(Buffer.concat([Buffer.from(head), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from(tail)]));
      await host.answerTo(id);
    }
    expect(host.received.slice(-2).map(statusOf)).toEqual(["executed", "replayed"]);
    expect(all()).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("a last message without its end: it was never sent", async () => {
    const { host, did, good } = await table();
    await host.greet();
    await good();
    host.write(call("1", '{"ref":"E"}').trimEnd());
    expect(await host.leave()).toBe(0);
    expect(did("E")).toEqual([]);
  });

  it("much, and reads nothing for a while, gets every answer, each once", async () => {
    const { host, all } = await table();
    await host.greet();
    host.child.stdout.pause();
    const more = "x".repeat(5_000);
    for (let id = 1; id <= 1_000; id++) {
      const name = id % 4 === 0 ? "pay" : "find";
      const given = { ref: name === "pay" ? `M${id % 100}` : `F${id}`, more };
      host.send({ id, method: "tools/call", params: { name, arguments: given } });
    }
    await host.until("the first payments", () => all().some(({ tool }) => tool === "pay"));
    host.child.stdout.resume();
    for (let id = 1; id <= 1_000; id++) await host.answerTo(id);
    for (let id = 1; id <= 1_000; id++) expect(host.answersTo(id)).toHaveLength(1);
    expect(all().filter(({ tool }) => tool === "pay")).toHaveLength(25);
    expect(await host.leave()).toBe(0);
  });

  it("answers to questions that nobody asked: the calls go on", async () => {
    const { host, good } = await table();
    await host.greet();
    for (const id of [1, "onceguard-1", null, "onceguard-000000000000-1"]) host.send({ id, result: {} });
    host.send({ id: 5, error: "no" });
    for (const requestId of [1, null, {}, "x"]) host.send({ method: "notifications/cancelled", params: { requestId } });
    host.send({ method: "notifications/cancelled" });
    await good();
    expect(await host.leave()).toBe(0);
  });

  it("names of what every object has: they are tools like others", async () => {
    const { host, all, good } = await table();
    await host.greet();
    for (const name of ["constructor", "__proto__", "toString", "", "pay\u0000", "x".repeat(100_000)]) {
      const said = await host.call(name, { ref: "N" });
      expect(JSON.stringify(said), name.slice(0, 20)).toContain("missing_identity");
    }
    await good();
    expect(all()).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });
});

describe("a server that", () => {
  it.each(["garbage", "large", "twice", "nobody", "flood", "split"])(
    "writes %s: the call has its one answer",
    async (mode) => {
      const { host, did, good } = await table();
      await host.greet();
      const given = { ref: "S", mode };
      host.send({ id: 1, method: "tools/call", params: { name: "pay", arguments: given } });
      expect(statusOf(await host.answerTo(1))).toBe("executed");
      await good();
      expect(host.answersTo(1)).toHaveLength(1);
      const again = await host.call("pay", given);
      expect(statusOf(again)).toBe("replayed");
      expect(again.result.content[0].text).toBe("done");
      expect(did("S")).toHaveLength(1);
      await good();
      expect(await host.leave()).toBe(0);
    },
  );

  it.each(["nothing", "number", "list", "words"])("answers with %s: nobody knows what became of it", async (mode) => {
    const { host, did, good } = await table();
    await host.greet();
    const given = { ref: "D", mode };
    for (let n = 0; n < 2; n++) {
      const said = await host.call("pay", given);
      expect(["in_doubt", "review"]).toContain(statusOf(said));
      expect(JSON.stringify(said)).toContain("Do not do it in any other way");
    }
    await good();
    expect(did("D")).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("answers with an empty result: it was done, and is shown again", async () => {
    const { host, did } = await table();
    await host.greet();
    expect(statusOf(await host.call("pay", { ref: "B", mode: "bare" }))).toBe("executed");
    expect(statusOf(await host.call("pay", { ref: "B", mode: "bare" }))).toBe("replayed");
    expect(did("B")).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("never lists its tools: nothing is done, everything else passes, and leaving ends it", async () => {
    const { host, all } = await table("lists nothing");
    await host.greet();
    host.send({ id: 1, method: "tools/call", params: { name: "pay", arguments: { ref: "W" } } });
    expect((await host.ask("ping", {})).result).toEqual({});
    host.send({ method: "notifications/cancelled", params: { requestId: 1 } });
    expect((await host.ask("ping", {})).result).toEqual({});
    expect(await host.leave()).toBe(0);
    expect(host.answersTo(1)).toEqual([]);
    expect(all()).toEqual([]);
  });

  it("cannot list its tools once: it is asked again", async () => {
    const { host, all } = await table("lists later");
    await host.greet();
    await host.call("pay", { ref: "L" });
    expect(statusOf(await host.call("pay", { ref: "L" }))).toBe("executed");
    expect(all()).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("lists what are no tools: every call is taken for irreversible", async () => {
    const { host, all } = await table("lists garbage");
    await host.greet();
    expect(JSON.stringify(await host.call("pay", { ref: "G" }))).toContain("missing_identity");
    expect(statusOf(await host.call("pay", { ref: "G", idempotency_key: "G" }))).toBe("executed");
    expect(all()).toHaveLength(1);
    expect(await host.leave()).toBe(0);
  });

  it("ends at once: so does the gateway, and says so", async () => {
    const { host } = await table("dies at start");
    expect(await new Promise((resolve) => host.child.once("close", resolve))).toBe(1);
    expect(host.stderr).toContain("the server has ended with 7");
    expect(host.garbage).toEqual([]);
  });
});

describe("any sequence of calls", () => {
  const REFS = { plain: undefined, later: "later", breaks: "break", refused: "reject" } as const;
  type Ref = keyof typeof REFS;

  const ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };

  interface Step {
    readonly tool: string;
    readonly ref: Ref;
    readonly key: string | null;
    /** The key stands beside the arguments, as SEP-3182 has it. */
    readonly beside: boolean;
    /** The id in the form of a number or of a text: 7 and "7" are two ids. */
    readonly numeric: boolean;
    readonly progress: boolean;
    /** In the form of 2026-07-28, where each request says who it comes from. */
    readonly modern: boolean;
    readonly afterwards: "wait" | "go on" | "cancel";
  }

  const one: fc.Arbitrary<Step> = fc.record({
    tool: fc.constantFrom("pay", "book"),
    ref: fc.constantFrom<Ref>("plain", "later", "breaks", "refused"),
    key: fc.constantFrom(null, "k1", "k2"),
    beside: fc.boolean(),
    numeric: fc.boolean(),
    progress: fc.boolean(),
    modern: fc.boolean(),
    afterwards: fc.constantFrom("wait", "go on", "cancel"),
  });

  function paramsOf({ tool, ref, key, beside, progress, modern }: Step, run: string, id: unknown): object {
    const named = key === null ? null : `${run} ${key}`;
    const mode = REFS[ref];
    const inside = named !== null && !beside ? { idempotency_key: named } : {};
    return {
      name: tool,
      arguments: { ref: `${run} ${ref}`, key, ...(mode && { mode }), ...inside },
      ...(named !== null && beside && { idempotencyKey: named }),
      _meta: { ...(progress && { progressToken: id }), ...(modern && ENVELOPE) },
    };
  }

  it("has one effect at most per intent, and one answer for each who waits", async () => {
    const { host, all } = await table();
    await host.greet();
    let run = 0;
    let id = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 25 }), async (sequence) => {
        const prefix = `run ${++run}`;
        const waiting: (number | string)[] = [];
        const left: (number | string)[] = [];
        for (const step of sequence) {
          const own = ++id;
          const rpcId = step.numeric ? own : String(own);
          const params = paramsOf(step, prefix, rpcId);
          host.send({ id: rpcId, method: "tools/call", params });
          if (step.afterwards === "cancel") {
            host.send({ method: "notifications/cancelled", params: { requestId: rpcId } });
            left.push(rpcId);
          } else {
            waiting.push(rpcId);
            if (step.afterwards === "wait") await host.answerTo(rpcId);
          }
        }
        for (const rpcId of waiting) await host.answerTo(rpcId);
        for (const rpcId of waiting) expect(host.answersTo(rpcId)).toHaveLength(1);
        for (const rpcId of left) expect(host.answersTo(rpcId).length).toBeLessThanOrEqual(1);
        expectOnce(all().filter((entry) => entry.ref.startsWith(`${prefix} `)));
      }),
      { seed: 4, numRuns: 60 },
    );
    expect(await host.leave()).toBe(0);
    // What went on without its callers has been done by now, too.
    expectOnce(all());
  });

  it("has one effect at most per intent when gateway and host are killed in the middle of it", async () => {
    const { host, open, all } = await table();
    let now = await host.greet();
    let run = 0;
    let id = 0;
    const sequences = fc.array(fc.array(one, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sequences, async (lives) => {
        const prefix = `life ${++run}`;
        for (const sequence of lives) {
          for (const step of sequence) {
            now.send({ id: ++id, method: "tools/call", params: paramsOf(step, prefix, id) });
            // Not for its answer: of what the last life left behind nobody knows before its lease has run out.
            if (step.afterwards === "wait") await now.ask("ping", {});
          }
          now.child.kill("SIGKILL");
          now = await open().greet();
        }
        expectOnce(all());
      }),
      { seed: 4, numRuns: 6 },
    );
    expect(await now.leave()).toBe(0);
    expectOnce(all());
  }, 180_000);

  /** One per tool and arguments; and where the caller named its intent, one per tool and name, whatever the arguments. */
  function expectOnce(entries: readonly Message[]): void {
    const run = (ref: string): string => ref.split(" ").slice(0, 2).join(" ");
    const intents = entries.map(({ tool, ref, key }) =>
      JSON.stringify(key === null ? [tool, ref] : [tool, run(ref), key]),
    );
    expect(intents.filter((intent, n) => intents.indexOf(intent) !== n)).toEqual([]);
    expect(entries.filter(({ mode }) => mode === "reject")).toEqual([]);
  }
});
