import { expect, test } from "vitest";
import { abortErrors } from "./abort.ts";

const named = (name: string, more: object = {}) => Object.assign(new Error("stopped"), { name, ...more });

test.each<[string, unknown, string]>([
  ["a platform abort, whose code is a number", new DOMException("stopped", "AbortError"), "aborted"],
  ["a platform time-out", new DOMException("stopped", "TimeoutError"), "timeout"],
  ["AbortSignal's own reason", AbortSignal.abort().reason, "aborted"],
  ["Node's", named("AbortError", { code: "ABORT_ERR" }), "ABORT_ERR"],
  ["Node's, under another name", named("x", { code: "ABORT_ERR" }), "ABORT_ERR"],
  ["undici's, older", named("x", { code: "UND_ERR_ABORT" }), "UND_ERR_ABORT"],
  ["undici's", named("x", { code: "UND_ERR_ABORTED" }), "UND_ERR_ABORTED"],
  ["axios's", named("CanceledError", { code: "ERR_CANCELED" }), "ERR_CANCELED"],
  ["got's", named("TimeoutError", { code: "ETIMEDOUT", event: "response" }), "ETIMEDOUT"],
  ["the guard's own", named("TimeoutError", { code: "timeout" }), "timeout"],
])("%s", (_whose, error, code) => {
  expect(abortErrors(error)).toMatchObject({ certainty: "indefinite", tier: "transient", code });
});

test.each([undefined, "AbortError", {}, new Error("AbortError"), { code: 20 }])("%j is none", (error) => {
  expect(abortErrors(error)).toBeUndefined();
});
