import { expect, it } from "vitest";
import { fieldsInTemplate, filled } from "./template.ts";

const given = { idempotencyKey: "key-1", requestId: "r1" };

it("a whole value keeps its type; in a text it becomes text; an optional one may be absent", () => {
  const template = {
    amount: "{amount}",
    lines: "{items}",
    title: "Order {id} for {customer.name}",
    ref: "{idempotencyKey}",
    note: "{note?}",
    fixed: [1, "x", null],
  };
  const payload = { amount: 5, items: [{ sku: "a" }], id: "A1", customer: { name: "Ann" } };
  expect(filled(template, payload, given)).toEqual({
    amount: 5,
    lines: [{ sku: "a" }],
    title: "Order A1 for Ann",
    ref: "key-1",
    fixed: [1, "x", null],
  });
  expect(fieldsInTemplate(template)).toEqual({ text: ["id", "customer.name"], whole: ["amount", "items"] });
});

it("what a value holds is never filled in again, and never read from the environment", () => {
  const hostile = ["{b}", "$", "{HOME}"].join("");
  const payload = { a: hostile, b: "secret" };
  expect(filled({ text: "say {a}", whole: "{a}" }, payload, given)).toEqual({
    text: `say ${hostile}`,
    whole: hostile,
  });
});
