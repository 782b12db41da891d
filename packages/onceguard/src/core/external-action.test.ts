import { expect, test } from "vitest";
import { defineAction } from "./action.ts";
import { externalAction, isExternal } from "./external-action.ts";
import { classifyFailure } from "./failure.ts";

const valve = externalAction({ name: "open_valve", riskTier: "side_effecting", keyFields: ["id"] });

test("an external action is told from one of the guard's own", () => {
  const own = defineAction({ name: "open_valve", riskTier: "side_effecting", keyFields: ["id"], execute: () => 1 });
  expect([isExternal(valve), isExternal(own), isExternal({ ...valve })]).toEqual([true, false, false]);
});

test("it keeps what was said of it", () => {
  expect(valve).toMatchObject({ name: "open_valve", riskTier: "side_effecting", keyFields: ["id"] });
});

test("should a guard try to execute it, that is a certain no, and no passing trouble", () => {
  let thrown: unknown;
  try {
    valve.execute({}, {} as never);
  } catch (error) {
    thrown = error;
  }
  expect(classifyFailure(thrown, valve.noEffectOn, valve.classify)).toMatchObject({
    certainty: "definite",
    tier: null,
    code: "performed_outside",
    message: expect.stringContaining("nothing was sent"),
  });
});
