import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { idempotencyKey } from "./idempotency-key.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

test("is pinned: a key that changes with a release is a second payment for every request in doubt", () => {
  expect(idempotencyKey(sha256, "acme", "r", 1)).toBe("bfbf486c-10f2-4f61-be23-645462b0feb4");
});

test("is always a UUID of version 4 with the RFC 9562 variant, 36 characters", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.integer({ min: 1 }), (tenant, requestId, generation) => {
      expect(idempotencyKey(sha256, tenant, requestId, generation)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }),
  );
});

test("keeps all of the digest but the six bits of version and variant", () => {
  const plain = (digit: string) => idempotencyKey(() => digit.repeat(64), "acme", "r", 1);
  expect(plain("0")).toBe("00000000-0000-4000-8000-000000000000");
  expect(plain("f")).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
  expect(idempotencyKey(() => "0123456789abcdef".repeat(4), "acme", "r", 1)).toBe(
    "01234567-89ab-4def-8123-456789abcdef",
  );
});

test("another tenant, request or generation has another key, and the same one the same", () => {
  const keys = [
    idempotencyKey(sha256, "acme", "r1", 1),
    idempotencyKey(sha256, "acme", "r1", 2),
    idempotencyKey(sha256, "acme", "r", 11),
    idempotencyKey(sha256, "acmer", "1", 1),
    idempotencyKey(sha256, "globex", "r1", 1),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(idempotencyKey(sha256, "acme", "r1", 1)).toBe(keys[0]);
});
