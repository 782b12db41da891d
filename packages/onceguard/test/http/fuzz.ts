import { connect, type Socket } from "node:net";

/** Random numbers that come again with the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Random = () => number;

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "post"];
const IDS = ["a", "none", "%2F", "%00", "%", "%ZZ", "..", "a%2Fb", "x".repeat(300), "%C3%28", "日", "'--", "{}", "*"];
const PATHS = [
  "/v1/execute",
  "/v1/proposals",
  "/v1/proposals/ID/approve",
  "/v1/proposals/ID/deny",
  "/v1/claims",
  "/v1/claims/ID/renew",
  "/v1/claims/ID/complete",
  "/v1/claims/ID/fail",
  "/v1/receipts/ID",
  "/v1/receipts",
  "/v1/receipts/ID?export",
  "/v1/checkpoints?size=1",
  "/v1/reviews",
  "/v1/reviews/ID/resolve",
  "/v1/evidence/ID",
  "/v1/cases/ID",
  "/v1/cases/ID/signals",
  "/v1/cases/ID/finalize",
  "/v1/runs/ID/halt",
  "/v1/runs/ID/resume",
  "/v1/halts",
  "/openapi.json",
  "/metrics",
  "/healthz",
  "/",
  "//v1/execute",
  "/v1/execute/",
  "/v1/execute?x=1&x=2",
  "/v1/receipts?limit=5&after=ID",
  "/ID",
];
const TEXTS = [
  "",
  "a",
  "A1",
  "\u0000",
  "\ud800",
  "😀",
  "é",
  "e\u0301",
  "\u202e",
  "__proto__",
  "constructor",
  "x".repeat(300),
  "x".repeat(5_000),
  "order",
  "valve",
  "strict",
  "1e999",
  "null",
];
const KEYS = [
  "action",
  "payload",
  "request_id",
  "record_id",
  "run_id",
  "wait_ms",
  "expected",
  "fencing_token",
  "lease_ms",
  "claim_token",
  "reason",
  "decision",
  "answer",
  "source",
  "outcome",
  "confidence",
  "id",
  "ref",
  "mode",
  "result",
  "certainty",
  "code",
  "message",
  "__proto__",
  "toString",
  "",
];

function value(random: Random, depth: number): unknown {
  const kind = random();
  if (depth <= 0 || kind < 0.4) return pick(random, TEXTS);
  if (kind < 0.55) return pick(random, [0, -1, 1, 1.5, 2 ** 53, -0, 1e308, 60_000, Number.MAX_SAFE_INTEGER]);
  if (kind < 0.65) return pick(random, [null, true, false]);
  if (kind < 0.75) return Array.from({ length: Math.floor(random() * 4) }, () => value(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: Math.floor(random() * 5) }, () => [pick(random, KEYS), value(random, depth - 1)]),
  );
}

function right(random: Random, ref: () => string): unknown {
  const payload = { ref: ref(), ...(random() < 0.1 && { mode: pick(random, ["lose", "reject"]) }) };
  const action = pick(random, ["order", "order", "strict", "windowed"]);
  if (action === "strict") return { action, payload, request_id: `s-${payload.ref}` };
  return { action, payload: action === "windowed" ? { ...payload, note: pick(random, ["1", "2"]) } : payload };
}

/** A body that is nearly right, so that it gets far; and what is done to it then. */
function body(random: Random, ref: () => string): string {
  if (random() < 0.35) return JSON.stringify(right(random, ref));
  const good: Record<string, unknown> = {
    action: pick(random, ["order", "strict", "valve", "careful", "windowed", "nothing"]),
    payload: pick(random, [{ ref: ref() }, { valve: ref() }, value(random, 4)]),
  };
  if (random() < 0.5) good.request_id = pick(random, ["r1", "r2", ...TEXTS]);
  const more = Math.floor(random() * 4);
  for (let i = 0; i < more; i++) good[pick(random, KEYS)] = value(random, 3);
  let text = JSON.stringify(random() < 0.8 ? good : value(random, 5));
  const damage = random();
  if (damage < 0.1) text = text.slice(0, Math.floor(random() * text.length));
  else if (damage < 0.15) text = text.replace("{", `{"action":"order",`);
  else if (damage < 0.2) text = `${text}${pick(random, ["x", "}", "\u0000", text])}`;
  else if (damage < 0.22) text = "[".repeat(5_000);
  else if (damage < 0.24) text = text.replace(/"/, "'");
  return text;
}

function header(random: Random): string {
  const name = pick(random, [
    "idempotency-key",
    "content-type",
    "authorization",
    "host",
    "origin",
    "x-a",
    "accept",
    "expect",
    "last-event-id",
    "content-encoding",
  ]);
  const text = pick(random, [
    '"k1"',
    "k1",
    '"',
    "application/json",
    "text/plain",
    "Bearer x",
    "evil.example",
    "100-continue",
    "x".repeat(300),
    "gzip",
    "a, b",
    "é",
  ]);
  return `${name}: ${text}\r\n`;
}

/** One request as bytes, more or less as HTTP has it. `ref` names an order, a new one or one that was. */
export function fuzzedRequest(random: Random, host: string, ref: () => string): Buffer {
  const isPost = random() < 0.75;
  const method = random() < 0.85 ? (isPost ? "POST" : "GET") : pick(random, METHODS);
  const path = pick(random, random() < 0.5 ? PATHS.slice(0, 8) : PATHS).replace("ID", pick(random, IDS));
  const text = Buffer.from(isPost ? body(random, ref) : "", "utf8");
  let bytes =
    random() < 0.05 ? Buffer.from(text.map((byte) => (random() < 0.02 ? Math.floor(random() * 256) : byte))) : text;
  if (random() < 0.01) bytes = Buffer.alloc(100_000, 0x20);
  const said = random();
  const isChunked = said < 0.1;
  const length =
    said > 0.98 ? pick(random, ["-1", "x", String(bytes.length + 5), "99999999999"]) : String(bytes.length);
  const head = [
    `${method} ${path.replaceAll(/[^\x21-\x7e]/g, encodeURIComponent)} HTTP/${random() < 0.99 ? "1.1" : pick(random, ["1.0", "2.0", "9"])}\r\n`,
    random() < 0.98 ? `host: ${host}\r\n` : "",
    random() < 0.9 ? "content-type: application/json\r\n" : "",
    isChunked ? "transfer-encoding: chunked\r\n" : `content-length: ${length}\r\n`,
    ...Array.from({ length: random() < 0.15 ? 1 + Math.floor(random() * 3) : 0 }, () => header(random)),
    random() < 0.3 ? "connection: close\r\n" : "",
    "\r\n",
  ].join("");
  const sent = isChunked
    ? Buffer.from(`${bytes.length.toString(16)}\r\n${bytes.toString("latin1")}\r\n0\r\n\r\n`, "latin1")
    : bytes;
  return Buffer.concat([Buffer.from(head, "latin1"), sent]);
}

export interface FuzzReport {
  readonly sent: number;
  readonly statuses: Record<string, number>;
  /** Answers that must not be: 500 and such, with the request that brought them. */
  readonly bad: { request: string; answer: string }[];
}

/** Sends so many inputs over sockets that are used again where the server keeps them; never waits for an answer for long. */
export async function fuzz(
  url: string,
  options: {
    readonly inputs: number;
    readonly seed: number;
    readonly connections?: number;
    readonly ref?: (n: number) => string;
  },
): Promise<FuzzReport> {
  const { hostname, port, host } = new URL(url);
  const { inputs, seed, connections = 8, ref = (n) => `F${n % 50}` } = options;
  const report: FuzzReport = { sent: 0, statuses: {}, bad: [] };
  let left = inputs;
  const worker = async (n: number): Promise<void> => {
    const random = randomFrom(seed * 1_000 + n);
    let socket: Socket | null = null;
    while (left-- > 0) {
      const request = fuzzedRequest(random, host, () => ref(Math.floor(random() * 1_000_000)));
      socket ??= await open(Number(port), hostname);
      const answer = await exchange(socket, request);
      (report as { sent: number }).sent += 1;
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer.text)?.[1] ?? "none";
      report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      const isBad = status.startsWith("5") && status !== "503";
      if ((isBad || status === "101") && report.bad.length < 20) {
        report.bad.push({
          request: request.subarray(0, 2_000).toString("latin1"),
          answer: answer.text.slice(0, 1_000),
        });
      }
      if (answer.closed) socket = null;
    }
    socket?.destroy();
  };
  await Promise.all(Array.from({ length: connections }, (_, n) => worker(n)));
  return report;
}

function open(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Longest wait for an answer; a request that the server waits for more of has none. */
const PATIENCE_MS = 400;

function exchange(socket: Socket, request: Buffer): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve) => {
    let text = "";
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("close", onClose);
      if (closed) socket.destroy();
      resolve({ text, closed });
    };
    const onClose = (): void => end(true);
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const [, head, rest] = /^([\s\S]*?\r\n\r\n)([\s\S]*)$/.exec(text) ?? [];
      if (head === undefined || rest === undefined) return;
      const isClosing = /\r\nconnection: close/i.test(head);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      const isWhole =
        length !== undefined
          ? rest.length >= Number(length) || request.subarray(0, 4).toString() === "HEAD"
          : /0\r\n\r\n$/.test(rest);
      if (isWhole) end(isClosing);
    };
    const timer = setTimeout(() => end(true), PATIENCE_MS);
    socket.on("data", onData);
    socket.once("close", onClose);
    socket.write(request);
  });
}
