import { expect, it } from "vitest";
import { defineAction } from "../core/action.ts";
import { describedOptions } from "./described.ts";

it("an entry says which fields are private, and whose, as an action in code does", () => {
  const privacy = { redact: ["cvv"], encrypt: ["iban"], subject: "customer:{customer.id}" };
  const entry = { name: "pay", keyFields: ["ref"], privacy };
  const action = defineAction({ ...describedOptions(entry, { text: [], whole: [] }), execute: () => undefined });
  expect(action.privacy).toMatchObject({ redact: [["cvv"]], encrypt: [["iban"]] });
  expect(action.privacy?.subject?.({ ref: "1", customer: { id: "4711" } })).toBe("customer:4711");
  // A payload that does not say whose it is does not fit.
  const checked = action.input?.["~standard"].validate({ ref: "1" });
  expect(checked).toMatchObject({ issues: [{ path: ["customer", "id"] }] });
});
