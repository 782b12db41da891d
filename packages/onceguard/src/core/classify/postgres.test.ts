import { DrizzleQueryError } from "drizzle-orm/errors";
import pg from "pg";
import { describe, expect, test } from "vitest";
import type { Failure } from "./classifier.ts";
import { postgresErrors } from "./postgres.ts";

// A real server's errors: test/network/failures-postgres.test.ts.

const sql = (code: string, more: object = {}) =>
  Object.assign(new pg.DatabaseError("x", 100, "error"), { severity: "ERROR", code, routine: "ExecInsert", ...more });

describe("by SQLSTATE", () => {
  test.each<[string, Failure["tier"]]>([
    ["0A000", "validation"],
    ["21000", "validation"],
    ["22001", "validation"],
    ["22P02", "validation"],
    ["23502", "validation"],
    ["23503", "conflict"],
    ["23505", "conflict"],
    ["23514", "validation"],
    ["23P01", "conflict"],
    ["25006", "transient"],
    ["28000", "security"],
    ["28P01", "security"],
    ["3D000", "validation"],
    ["3F000", "validation"],
    ["40000", "transient"],
    ["40001", "transient"],
    ["40002", "conflict"],
    ["40P01", "transient"],
    ["42501", "security"],
    ["42601", "validation"],
    ["42P01", "validation"],
    ["44000", "validation"],
    ["53100", "transient"],
    ["53300", "transient"],
    ["54001", "validation"],
    ["55000", "conflict"],
    ["55006", "transient"],
    ["55P03", "transient"],
    ["57014", "transient"],
    ["57P03", "transient"],
    ["P0001", "conflict"],
  ])("%s was rolled back: %s", (code, tier) => {
    expect(postgresErrors(sql(code))).toEqual({ certainty: "definite", tier, code: `sqlstate_${code}`, message: "x" });
  });

  test.each([
    "08000",
    "08003",
    "08006",
    "08P01", // the connection
    "40003", // statement completion unknown
    "57P01",
    "57P02",
    "57P05", // the server ended it
    "25P02",
    "25P03",
    "25001",
    "55P02",
    "58030",
    "XX000",
    "XX001",
    "F0000",
    "P0002",
    "HV000",
    "01000",
    "99999",
  ])("%s may have come after a COMMIT", (code) => {
    expect(postgresErrors(sql(code))).toMatchObject({
      certainty: "indefinite",
      tier: "transient",
      code: `sqlstate_${code}`,
    });
  });
});

describe("an error that ends the connection", () => {
  test.each(["28000", "28P01", "3D000", "53300", "57P03"])("%s: not let in, so nothing was done", (code) => {
    expect(postgresErrors(sql(code, { severity: "FATAL" }))?.certainty).toBe("definite");
  });

  test.each(["23505", "40001", "53200", "57014", "42501"])("%s: who knows what came before", (code) => {
    expect(postgresErrors(sql(code, { severity: "FATAL" }))?.certainty).toBe("indefinite");
    expect(postgresErrors(sql(code, { severity: "PANIC" }))?.certainty).toBe("indefinite");
  });

  test("the severity is in the server's language, so only the two that are known count against it", () => {
    expect(postgresErrors(sql("23505", { severity: "FEHLER" }))?.certainty).toBe("definite");
  });
});

describe("the shape", () => {
  test.each<[string, unknown]>([
    ["a code alone", { code: "23505" }],
    ["a code and a severity", { code: "23505", severity: "ERROR" }],
    ["PgBouncer's, which name no routine", sql("08P01", { routine: undefined })],
    ["no severity", sql("23505", { severity: undefined })],
    ["a code of another kind", sql("23505x")],
    ["a number", sql("x", { code: 23505 })],
    ["a wrapper of one's own", new Error("x", { cause: sql("23505") })],
    ["nothing", undefined],
  ])("%s has no opinion", (_name, error) => expect(postgresErrors(error)).toBeUndefined());

  test("is found in Drizzle's wrapper", () => {
    const error = new DrizzleQueryError("insert into t", [], sql("23505"));
    expect(postgresErrors(error)).toMatchObject({ certainty: "definite", code: "sqlstate_23505" });
    expect(postgresErrors(new DrizzleQueryError("insert into t", [], new Error("x")))).toBeUndefined();
  });

  test("and a wrapper around itself ends", () => {
    const cycle = new DrizzleQueryError("insert into t", []);
    cycle.cause = cycle;
    expect(postgresErrors(cycle)).toBeUndefined();
  });

  test("a retry of the caller takes the proof", () => {
    expect(postgresErrors(sql("23505", { attemptNumber: 2, retriesLeft: 0 }))?.certainty).toBe("indefinite");
  });
});
