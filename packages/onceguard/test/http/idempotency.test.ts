import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { HOSTS, type HostedShop, startHost } from "./idempotency-hosts.ts";
import { until } from "./service.ts";

let n = 0;
const freshKey = (): string => `key-${++n}`;

describe.each(HOSTS)("Idempotency-Key in %s, over a real socket", (host) => {
  async function start(options: Parameters<typeof startHost>[2] = {}): Promise<HostedShop & { guard: Guard }> {
    const guard = createGuard({
      store: memoryStore(),
      sweepEvery: false,
      onBackgroundError: () => undefined,
    }) as unknown as Guard;
    const shop = await startHost(host, guard, options);
    onTestFinished(async () => {
      shop.release();
      await shop.close();
      await guard.close();
    });
    return { ...shop, guard };
  }

  async function post(
    { url }: { url: string },
    body: unknown,
    key: string | null,
    headers: Record<string, string> = {},
    path = "/orders",
  ): Promise<{ status: number; headers: Headers; text: string; json: Record<string, unknown>; bytes: Buffer }> {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key !== null && { "idempotency-key": key }), ...headers },
      body:
        body instanceof Uint8Array
          ? (body as Uint8Array<ArrayBuffer>)
          : typeof body === "string"
            ? body
            : JSON.stringify(body),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString("utf8");
    return {
      status: response.status,
      headers: response.headers,
      text,
      bytes,
      json: text.startsWith("{") ? JSON.parse(text) : {},
    };
  }

  function expectProblem(answer: Awaited<ReturnType<typeof post>>, status: number, code: string): void {
    expect([answer.status, answer.json.code, answer.headers.get("content-type")]).toEqual([
      status,
      code,
      "application/problem+json",
    ]);
    expect(answer.json).toMatchObject({ status, type: expect.stringContaining("/docs/"), title: expect.any(String) });
  }

  it("first request: processed; the same again: the first answer, marked as replayed", async () => {
    const shop = await start();
    const key = freshKey();
    const first = await post(shop, { ref: "a" }, `"${key}"`);
    expect([first.status, first.json]).toEqual([201, { number: 1, ref: "a" }]);
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(first.headers.get("set-cookie")).toContain("session=secret");
    if (host.startsWith("express")) expect(first.headers.get("x-late")).toBe("1");
    const second = await post(shop, { ref: "a" }, key); // without quotes it is the same key
    expect([second.status, second.text]).toEqual([201, first.text]);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(second.headers.get("location")).toBe("/orders/1");
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(second.headers.get("set-cookie")).toBeNull();
    expect(shop.effects).toEqual(["a"]);
  });

  it("the same JSON in another spelling is the same request", async () => {
    const shop = await start();
    const key = freshKey();
    await post(shop, '{"ref":"a","mode":"x"}', key);
    const again = await post(shop, '{ "mode": "\\u0078", "ref": "a" }', key);
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"]);
    expect(shop.effects).toEqual(["a"]);
  });

  it("no key: 400; a key that is none: 400; not required: let through", async () => {
    const shop = await start();
    expectProblem(await post(shop, { ref: "a" }, null), 400, "missing_idempotency_key");
    for (const key of ['""', '"a', "a b", '"a", "b"', "x".repeat(256)]) {
      expectProblem(await post(shop, { ref: "a" }, key), 400, "invalid_idempotency_key");
    }
    expect(shop.effects).toEqual([]);
    const relaxed = await start({ required: false });
    expect((await post(relaxed, { ref: "a" }, null)).status).toBe(201);
    expect((await post(relaxed, { ref: "a" }, null)).status).toBe(201);
    expect(relaxed.effects).toEqual(["a", "a"]);
  });

  it("a repetition while the first is under way: 409 with Retry-After", async () => {
    const shop = await start();
    const key = freshKey();
    const first = post(shop, { ref: "a", mode: "hold" }, key);
    await until(() => shop.effects.length === 1, "the effect");
    const second = await post(shop, { ref: "a", mode: "hold" }, key);
    expectProblem(second, 409, "in_progress");
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expectProblem(await post(shop, { ref: "b", mode: "hold" }, key), 422, "mismatch");
    shop.release();
    expect((await first).status).toBe(201);
    expect((await post(shop, { ref: "a", mode: "hold" }, key)).headers.get("idempotent-replayed")).toBe("true");
    expect(shop.effects).toEqual(["a"]);
  });

  it("with `wait`, a repetition waits for the first and gets its answer", async () => {
    const shop = await start({ wait: "20s" });
    const key = freshKey();
    const both = [post(shop, { ref: "a", mode: "hold" }, key), post(shop, { ref: "a", mode: "hold" }, key)];
    await until(() => shop.effects.length === 1, "the effect");
    shop.release();
    const answers = await Promise.all(both);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.filter(({ headers }) => headers.has("idempotent-replayed"))).toHaveLength(1);
    expect(shop.effects).toEqual(["a"]);
  });

  it("the same key with other content: 422, and nothing stored is shown", async () => {
    const shop = await start();
    const key = freshKey();
    await post(shop, { ref: "mine" }, key);
    const other = await post(shop, { ref: "other" }, key);
    expectProblem(other, 422, "mismatch");
    expect(other.text).not.toContain("mine");
    expectProblem(await post(shop, { ref: "mine" }, key, {}, "/orders?x=1"), 422, "mismatch");
    expect(shop.effects).toEqual(["mine"]);
  });

  it("a key belongs to its principal, its method and its route", async () => {
    const shop = await start();
    const key = freshKey();
    await post(shop, { ref: "a" }, key, { "x-user": "ann" });
    const bob = await post(shop, { ref: "a" }, key, { "x-user": "bob" });
    expect([bob.status, bob.headers.get("idempotent-replayed")]).toEqual([201, null]);
    const elsewhere = await post(shop, { ref: "a" }, key, { "x-user": "ann" }, "/other");
    expect([elsewhere.status, elsewhere.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect(shop.effects).toEqual(["a", "a", "a"]);
  });

  it("methods that are repeatable by themselves need no key", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/orders`, { headers: { "idempotency-key": "x" } });
    expect([response.status, await response.json()]).toEqual([200, { orders: 0 }]);
  });

  it("a refusal by the handler is final, too: 402 is replayed", async () => {
    const shop = await start();
    const key = freshKey();
    const answers = [await post(shop, { mode: "declined" }, key), await post(shop, { mode: "declined" }, key)];
    expect(answers.map(({ status }) => status)).toEqual([402, 402]);
    expect(answers[1]?.headers.get("idempotent-replayed")).toBe("true");
  });

  it("429 says that nothing was done: the same key is processed again", async () => {
    const shop = await start();
    const key = freshKey();
    expect((await post(shop, { ref: "a", mode: "limited" }, key)).status).toBe(429);
    const second = await post(shop, { ref: "a", mode: "limited" }, key);
    expect([second.status, second.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect((await post(shop, { ref: "a", mode: "limited" }, key)).headers.get("idempotent-replayed")).toBe("true");
    expect(shop.effects).toEqual(["a"]);
  });

  it.each(["broken", "throw"])(
    "a handler that is %s: its answer once, then 409 in doubt, and never done again",
    async (mode) => {
      const shop = await start();
      const key = freshKey();
      const first = await post(shop, { ref: "a", mode }, key);
      expect(first.status).toBe(500);
      const second = await post(shop, { ref: "a", mode }, key);
      expectProblem(second, 409, "in_doubt");
      expect(second.text).not.toContain("secret");
      expect(shop.effects).toEqual(["a"]);
      const [doubt] = await shop.guard.receipts({ states: ["in_doubt"] });
      expect(doubt?.failure?.message).not.toContain("secret");
      // A person finds out; the key then has an answer.
      await shop.guard.resolve(doubt?.requestId as string, {
        decision: "did_not_happen",
        actor: "ann",
        reason: "not in the books",
      });
      expectProblem(await post(shop, { ref: "a", mode }, key), 422, "failed");
    },
  );

  it("which statuses are final is the application's to say", async () => {
    const shop = await start({ settles: (status) => (status === 500 ? "not_done" : "final") });
    const key = freshKey();
    expect((await post(shop, { ref: "a", mode: "broken" }, key)).status).toBe(500);
    expect((await post(shop, { ref: "a", mode: "broken" }, key)).status).toBe(500);
    expect(shop.effects).toEqual(["a", "a"]);
  });

  it("binary bodies, both ways, byte for byte", async () => {
    const shop = await start();
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256));
    const key = freshKey();
    const type = { "content-type": "application/octet-stream" };
    const sent = [await post(shop, bytes, key, type), await post(shop, bytes, key, type)];
    expect(sent[1]?.text).toBe(sent[0]?.text);
    expect(sent[1]?.headers.get("idempotent-replayed")).toBe("true");
    expectProblem(await post(shop, Buffer.concat([bytes, Buffer.from([1])]), key, type), 422, "mismatch");
    const back = freshKey();
    const got = [await post(shop, { mode: "binary" }, back), await post(shop, { mode: "binary" }, back)];
    expect(got.map(({ bytes: one }) => [...one])).toEqual([
      [0, 255, 254, 0, 1],
      [0, 255, 254, 0, 1],
    ]);
    expect(got[1]?.headers.get("content-type")).toBe("application/octet-stream");
    expect(shop.effects).toHaveLength(2);
  });

  it("an empty answer is replayed as one", async () => {
    const shop = await start();
    const key = freshKey();
    const answers = [await post(shop, { mode: "empty" }, key), await post(shop, { mode: "empty" }, key)];
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [204, ""],
      [204, ""],
    ]);
    expect(answers[1]?.headers.get("idempotent-replayed")).toBe("true");
  });

  it.each(["large", "stream"])("a %s answer goes through whole; a repetition hears that it was done", async (mode) => {
    const shop = await start();
    const key = freshKey();
    const first = await post(shop, { ref: "a", mode }, key);
    expect(first.status).toBe(200);
    expect(first.bytes.length).toBe(mode === "large" ? 700_000 : "data: 1\n\n".length * 3);
    const done = shop.effects.length;
    await until(async () => (await post(shop, { ref: "a", mode }, key)).json.code === "answer_not_kept", "its record");
    const second = await post(shop, { ref: "a", mode }, key);
    expectProblem(second, 200, "answer_not_kept");
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(shop.effects).toHaveLength(done);
  });

  it("a body over the limit: 413, and nothing is done", async () => {
    const shop = await start({ maxBodyBytes: 1_000 });
    expectProblem(await post(shop, { ref: "x".repeat(5_000) }, freshKey()), 413, "request_too_large");
    expect(shop.effects).toEqual([]);
  });

  it("a caller that leaves in the middle of its body has done nothing, and its key is free", async () => {
    const shop = await start();
    const key = freshKey();
    const { port } = new URL(shop.url);
    const body = '{"ref":"half"}';
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(
      `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nidempotency-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
      () => setTimeout(() => socket.destroy(), 20),
    );
    await closed;
    const whole = await post(shop, { ref: "whole" }, key);
    expect([whole.status, whole.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect(shop.effects).toEqual(["whole"]);
  });

  it.each(["hold"])(
    "a caller that leaves in the middle of the handler: it ends, and a repetition gets its answer",
    async (mode) => {
      const shop = await start();
      const key = freshKey();
      const leave = new AbortController();
      const gone = fetch(`${shop.url}/orders`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ ref: "a", mode }),
        signal: leave.signal,
      }).catch((error: Error) => error.name);
      await until(() => shop.effects.length === 1, "the effect");
      leave.abort();
      expect(await gone).toBe("AbortError");
      expectProblem(await post(shop, { ref: "a", mode }, key), 409, "in_progress");
      shop.release();
      await until(async () => (await post(shop, { ref: "a", mode }, key)).status === 201, "its end");
      const again = await post(shop, { ref: "a", mode }, key);
      expect([again.json, again.headers.get("idempotent-replayed")]).toEqual([{ number: 1, ref: "a" }, "true"]);
      expect(shop.effects).toEqual(["a"]);
    },
  );

  it("a caller that leaves in the middle of a stream: it goes on to its end", async () => {
    const shop = await start();
    const key = freshKey();
    const leave = new AbortController();
    const response = await fetch(`${shop.url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ ref: "a", mode: "stream" }),
      signal: leave.signal,
    });
    await response.body?.getReader().read();
    leave.abort();
    if (!host.startsWith("express")) await until(() => shop.effects.includes("stream ended"), "its end");
    const answer = await post(shop, { ref: "a", mode: "stream" }, key);
    // Never a second time, whatever is known of the first.
    expect(["answer_not_kept", "in_progress", "in_doubt"]).toContain(answer.json.code);
    expect(shop.effects.filter((one) => one === "a")).toHaveLength(1);
  });

  it("a handler that takes too long is in doubt; what it answers late is taken as evidence", async () => {
    const shop = await start({ timeout: "150ms" });
    const key = freshKey();
    const first = post(shop, { ref: "a", mode: "hold" }, key);
    await until(() => shop.effects.length === 1, "the effect");
    await until(async () => (await post(shop, { ref: "a", mode: "hold" }, key)).json.code === "in_doubt", "the doubt");
    shop.release();
    expect((await first).status).toBe(201);
    await until(async () => (await post(shop, { ref: "a", mode: "hold" }, key)).status === 201, "the late answer");
    expect(shop.effects).toEqual(["a"]);
  });

  it("50 at the same time under one key: one effect", async () => {
    const shop = await start({ wait: "20s" });
    const key = freshKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(shop, { ref: "a" }, key)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(
      new Set(['201 {"number":1,"ref":"a"}']),
    );
    expect(answers.filter(({ headers }) => !headers.has("idempotent-replayed"))).toHaveLength(1);
    expect(shop.effects).toEqual(["a"]);
  });

  it("a store that is away: 503, and the handler is not asked", async () => {
    const guard = createGuard({ store: memoryStore(), sweepEvery: false }) as unknown as Guard;
    const shop = await startHost(host, guard);
    onTestFinished(() => shop.close());
    await guard.close();
    const answer = await post(shop, { ref: "a" }, freshKey());
    expect(answer.status).toBe(503);
    expect(shop.effects).toEqual([]);
  });
});

it("a process that is killed in the middle of the handler: the next one says that nobody knows, and does not do it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-idempotency-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [store, ledger] = [join(folder, "onceguard.db"), join(folder, "ledger")];
  const start = async (hold: string): Promise<{ url: string; kill: () => Promise<unknown> }> => {
    const program = fileURLToPath(new URL("./idempotency-process.ts", import.meta.url));
    const child = fork(program, [store, ledger, hold], { execArgv: [] });
    const gone = once(child, "exit");
    onTestFinished(() => void child.kill("SIGKILL"));
    const [port] = (await once(child, "message")) as [number];
    return {
      url: `http://127.0.0.1:${port}/pay`,
      kill: () => {
        child.kill("SIGKILL");
        return gone;
      },
    };
  };
  const pay = (url: string) => fetch(url, { method: "POST", headers: { "idempotency-key": "order-7" } });
  const first = await start("hold");
  const lost = pay(first.url).catch((error: Error) => error);
  await until(() => existsSync(ledger), "the payment");
  await first.kill();
  expect(await lost).toBeInstanceOf(Error);
  const second = await start("");
  let codes: string[] = [];
  await until(async () => {
    const response = await pay(second.url);
    expect(response.status).toBe(409);
    codes = [...codes, ((await response.json()) as { code: string }).code];
    return codes.at(-1) !== "in_progress";
  }, "the end of its lease");
  expect(["in_doubt", "review"]).toContain(codes.at(-1));
  expect(readFileSync(ledger, "utf8")).toBe("paid\n");
});
