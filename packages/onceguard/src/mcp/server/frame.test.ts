import { expect, it } from "vitest";
import { frameTooLarge, readFrame } from "./frame.ts";
import { IDEMPOTENCY_KEY_META } from "./host-identity.ts";

const refusedId = (text: string) => {
  const frame = readFrame(text);
  return "refused" in frame ? frame.refused.id : "not refused";
};

it("finds the caller's id in what it cannot read, and never one from inside", () => {
  expect(refusedId('{"jsonrpc":"2.0","id":7,"params":{"a":1,"a":2}}')).toBe(7);
  expect(refusedId('{"params":{"a":1,"a":2},"jsonrpc":"2.0","id":"x-1"}')).toBe("x-1");
  expect(refusedId('{"params":{"a":1,"a":2,"id":9}}')).toBeNull();
  expect(refusedId('{"params":{"id":9,"a":1,"a":2}}')).toBeNull();
  expect(refusedId("not JSON")).toBeNull();
  expect(frameTooLarge('{"method":"x","params":{"id":9', ',"x":1}},"jsonrpc":"2.0","id":10}').id).toBe(10);
});

it("lifts SEP-3182's key to where a handler sees it", () => {
  const message = {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "t", idempotencyKey: "k1", _meta: { a: 1 } },
  };
  expect(readFrame(JSON.stringify(message))).toEqual({
    message: { ...message, params: { name: "t", _meta: { a: 1, [IDEMPOTENCY_KEY_META]: "k1" } } },
  });
  const other = { jsonrpc: "2.0", id: 1, method: "tools/list", params: { idempotencyKey: "k1" } };
  expect(readFrame(JSON.stringify(other))).toEqual({ message: other });
});
