import { describe, expect, test } from "vitest";
import { http2Protocol, postgresProtocol, redisProtocol } from "./wire.ts";

function message(type: string, ...texts: string[]): Buffer {
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(""));
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
const startup = Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]);
const ready = (status: string) => Buffer.from([0x5a, 0, 0, 0, 5, status.charCodeAt(0)]);

describe("PostgreSQL", () => {
  test("a query and a prepared statement are told by their text, across chunks", () => {
    const { heard } = postgresProtocol.listener();
    const bytes = Buffer.concat([
      startup,
      message("Q", "SELECT 1"),
      message("P", "s1", "INSERT INTO t VALUES ($1)"),
      message("B", "", "s1"),
      message("B", "", "s1"),
    ]);
    const all = [...bytes].flatMap((byte) => heard(Buffer.from([byte])));
    expect(all).toEqual([
      { text: "SELECT 1", isWrite: false },
      { text: "INSERT INTO t VALUES ($1)", isWrite: true },
      { text: "INSERT INTO t VALUES ($1)", isWrite: true },
    ]);
  });

  test.each([
    ["WITH a AS (UPDATE t SET x = 1 RETURNING *) SELECT * FROM a", true],
    ["select absurd.spawn_task($1, $2)", true],
    ["SELECT pg_catalog.now()", false],
    ["SELECT updated_at FROM t", false],
    ["BEGIN", false],
  ])("%s", (sql, isWrite) => {
    const { heard } = postgresProtocol.listener();
    heard(startup);
    expect(heard(message("Q", sql))).toEqual([{ text: sql, isWrite }]);
  });

  test("an answer is settled when the transaction is over", () => {
    const { settled } = postgresProtocol.answers();
    expect(settled(ready("T"))).toBe(false);
    expect(settled(ready("I").subarray(0, 3))).toBe(false);
    expect(settled(ready("I").subarray(3))).toBe(true);
  });
});

test("Redis: a script is told by its digest, and whatever is not known to read writes", () => {
  const { heard } = redisProtocol.listener();
  const get = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  const script = "*3\r\n$7\r\nEVALSHA\r\n$2\r\nab\r\n$1\r\n0\r\n";
  expect(heard(Buffer.from(`${get}${script.slice(0, 20)}`))).toEqual([{ text: "get", isWrite: false }]);
  expect(heard(Buffer.from(script.slice(20)))).toEqual([{ text: "evalsha ab", isWrite: true }]);
});

test("HTTP/2: data is work, settings and pings are not", () => {
  const frame = (type: number, length: number) =>
    Buffer.concat([Buffer.from([0, 0, length, type, 0, 0, 0, 0, 1]), Buffer.alloc(length)]);
  const { heard } = http2Protocol.listener();
  expect(heard(Buffer.concat([frame(4, 6), frame(6, 8)]))).toEqual([]);
  expect(heard(frame(0, 3))).toEqual([{ text: "data", isWrite: true }]);
});
