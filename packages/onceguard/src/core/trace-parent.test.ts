import { expect, it } from "vitest";
import { traceIdOf } from "./trace-parent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

it("names the trace of a W3C traceparent", () => {
  expect(traceIdOf(`00-${TRACE}-00f067aa0ba902b7-01`)).toBe(TRACE);
});

it("takes what a later version appends", () => {
  expect(traceIdOf(`01-${TRACE}-00f067aa0ba902b7-01-what-comes`)).toBe(TRACE);
});

it.each([
  undefined,
  null,
  7,
  "",
  TRACE,
  `00-${TRACE}-00f067aa0ba902b7-01x`,
  `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
  `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
  `ff-${TRACE}-00f067aa0ba902b7-01`,
  ` 00-${TRACE}-00f067aa0ba902b7-01`,
])("is not taken in by %j", (text) => {
  expect(traceIdOf(text)).toBeNull();
});
