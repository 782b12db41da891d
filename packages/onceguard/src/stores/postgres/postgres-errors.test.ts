import { expect, test } from "vitest";
import { storeError } from "./postgres-errors.ts";

const broken = (more: object) => Object.assign(new Error("as the test wants it"), more);

test.each([
  ["EPIPE", { code: "EPIPE", syscall: "write" }],
  ["ECONNRESET", { code: "ECONNRESET" }],
  ["EHOSTUNREACH while reading", { code: "EHOSTUNREACH", syscall: "read" }],
  ["statement completion unknown", { code: "40003" }],
  ["a connection exception", { code: "08006" }],
  ["an administrator's command", { code: "57P01" }],
  ["an internal error", { code: "XX000" }],
  ["nothing that is known", {}],
])("%s may have been applied", (_name, more) => {
  expect(storeError(broken(more), "postgres")).toMatchObject({
    code: "store_unavailable",
    fields: { applied: "unknown" },
  });
});

test.each([
  ["refused", { code: "ECONNREFUSED", syscall: "connect" }],
  ["unreachable while connecting", { code: "EHOSTUNREACH", syscall: "connect" }],
  ["too many connections", { code: "53300" }],
  ["given up for another statement", { code: "40001" }],
])("%s was certainly not applied", (_name, more) => {
  expect(storeError(broken(more), "postgres")).toMatchObject({ code: "store_unavailable", fields: { applied: "no" } });
});

test("what PostgreSQL says of a statement comes back as it is", () => {
  for (const code of ["23505", "42P01", "P0001", "22P02"]) {
    const error = broken({ code });
    expect(storeError(error, "postgres")).toBe(error);
  }
});
