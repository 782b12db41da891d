import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { CallerStream } from "./caller-stream.ts";

afterEach(() => {
  vi.useRealTimers();
});

function waiting(accept: string) {
  vi.useFakeTimers();
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  return { response, stream: new CallerStream(response, accept) };
}

it("says nothing of itself before it is certain that the answer comes through it: the call may yet pass untouched", () => {
  const { response, stream } = waiting("application/json, text/event-stream");
  vi.advanceTimersByTime(600_000);
  expect(response.headersSent).toBe(false);
  stream.keepWaiting();
  vi.advanceTimersByTime(4_999);
  expect(response.headersSent).toBe(false);
  vi.advanceTimersByTime(1);
  expect(response.headersSent).toBe(true);
  stream.finish(1, { result: {} });
  expect(response.writableEnded).toBe(true);
});

it("is never a stream for a caller who takes none", () => {
  const { response, stream } = waiting("application/json");
  stream.keepWaiting();
  vi.advanceTimersByTime(600_000);
  expect(stream.tell("{}")).toBe(false);
  expect(response.headersSent).toBe(false);
  stream.finish(1, { result: {} });
  expect(response.statusCode).toBe(200);
});
