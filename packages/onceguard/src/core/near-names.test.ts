import { expect, test } from "vitest";
import { nearNames } from "./near-names.ts";

const NAMES = ["stripe", "square", "slack", "sqs", "sns", "step-functions", "ses"];

test.each([
  ["strpe", ["stripe"]],
  ["Stripe", ["stripe"]],
  ["StepFunctions", ["step-functions"]],
  ["step_functons", ["step-functions"]],
  ["slack-web", ["slack"]],
  ["sq", ["sqs", "ses", "sns"]],
  ["paypal", []],
  ["", []],
  ["--", []],
])("%j may mean %j", (given, meant) => {
  expect(nearNames(given, NAMES)).toEqual(meant);
});

test("the nearest comes first, and three are enough", () => {
  expect(nearNames("sns", ["sqs", "sxs", "sas", "sbs", "sns"])).toEqual(["sns", "sas", "sbs"]);
});
