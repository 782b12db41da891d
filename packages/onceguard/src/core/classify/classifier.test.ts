import { describe, expect, test } from "vitest";
import { type Classifier, classifier, type Failure, firstOf, unproven } from "./classifier.ts";

const definite: Failure = { certainty: "definite", tier: "conflict", code: "mine", message: "no" };
const other: Failure = { certainty: "indefinite", tier: null, code: "other", message: "perhaps" };

describe("firstOf", () => {
  test("the first with an opinion decides; none has none", () => {
    const silent = () => undefined;
    expect(
      firstOf(
        silent,
        () => definite,
        () => other,
      )("x"),
    ).toEqual(definite);
    expect(firstOf(silent, silent)("x")).toBeUndefined();
    expect(firstOf()("x")).toBeUndefined();
  });

  test("the rest is not asked", () => {
    let asked = 0;
    const counting: Classifier = () => {
      asked++;
      return other;
    };
    firstOf(() => definite, counting)("x");
    expect(asked).toBe(0);
  });

  test("one that throws, or answers no failure, is passed over", () => {
    const throwing: Classifier = () => {
      throw new TypeError("error.response is undefined");
    };
    const promising = (() => Promise.resolve(definite)) as unknown as Classifier;
    expect(firstOf(throwing, promising, () => other)("x")).toEqual(other);
  });

  test("passes the error and the options on, through any number of levels", () => {
    const echo: Classifier = (error, options) => ({
      ...other,
      message: `${error} ${options?.now} ${options?.noEffectOn}`,
    });
    expect(firstOf(firstOf(echo))("x", { now: 5, noEffectOn: [503] })?.message).toBe("x 5 503");
  });
});

describe("classifier", () => {
  test("a rule that throws has no opinion", () => {
    const rule = classifier(() => {
      throw new Error("gotcha");
    });
    expect(rule("x")).toBeUndefined();
  });

  test("an earlier request takes the proof, and says so; what was no proof stays as it is", () => {
    const retried = { $metadata: { attempts: 2 } };
    expect(classifier(() => definite)(retried)).toEqual(unproven(definite));
    expect(classifier(() => definite)({})).toEqual(definite);
    expect(classifier(() => other)(retried)).toEqual(other);
    expect(unproven(definite)).toMatchObject({ certainty: "indefinite", tier: "conflict", code: "mine" });
    expect(unproven(definite).message).toMatch(/^no \(.*earlier request/);
  });
});
