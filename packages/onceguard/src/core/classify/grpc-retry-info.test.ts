import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retryDelayMs } from "./grpc-retry-info.ts";

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const bytes = (field: number, value: readonly number[]) => [field * 8 + 2, ...varint(value.length), ...value];
const number = (field: number, value: number) => [field * 8, ...varint(value)];
const text = (field: number, value: string) => bytes(field, [...new TextEncoder().encode(value)]);

const duration = (seconds: number, nanos: number) => [...number(1, seconds), ...number(2, nanos)];
const any = (type: string, value: readonly number[]) => [...text(1, `type.googleapis.com/${type}`), ...bytes(2, value)];
const retryInfo = (delay: readonly number[]) => any("google.rpc.RetryInfo", bytes(1, delay));
const status = (...details: number[][]) =>
  Uint8Array.from([...number(1, 8), ...text(2, "slow down"), ...details.flatMap((detail) => bytes(3, detail))]);

describe("retryDelayMs", () => {
  test("seconds and nanos", () => {
    expect(retryDelayMs(status(retryInfo(duration(2, 500_000_000))))).toBe(2_500);
    expect(retryDelayMs(status(retryInfo(number(1, 90_000))))).toBe(90_000_000);
    expect(retryDelayMs(status(retryInfo(number(2, 1_000_000))))).toBe(1);
    expect(retryDelayMs(status(retryInfo([])))).toBe(0);
  });

  test("among other details", () => {
    const other = any("google.rpc.QuotaFailure", text(1, "x"));
    expect(retryDelayMs(status(other, retryInfo(duration(1, 0))))).toBe(1_000);
    expect(retryDelayMs(status(other))).toBeUndefined();
  });

  test("behind fields of every wire type, and behind one of the right number and the wrong type", () => {
    const fixed32 = [9 * 8 + 5, 0x1a, 2, 3, 4];
    const fixed64 = [9 * 8 + 1, 0x1a, 2, 3, 4, 5, 6, 7, 8];
    const detail = bytes(3, retryInfo(duration(1, 0)));
    for (const before of [fixed32, fixed64, number(3, 7), number(9, 2 ** 40)]) {
      expect(retryDelayMs(Uint8Array.from([...before, ...detail]))).toBe(1_000);
    }
    // Groups (3 and 4) are long gone; what comes after one is not read.
    expect(retryDelayMs(Uint8Array.from([9 * 8 + 3, ...detail]))).toBeUndefined();
  });

  test("a type that only looks like it", () => {
    expect(retryDelayMs(status(any("google.rpc.RetryInfo2", bytes(1, duration(1, 0)))))).toBeUndefined();
    expect(retryDelayMs(status(any("evil.google.rpc.RetryInfo", bytes(1, duration(1, 0)))))).toBeUndefined();
  });

  test("a delay that is negative, or missing, is none", () => {
    const minusOne = [1 * 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    expect(retryDelayMs(status(retryInfo(minusOne)))).toBe(0);
    expect(retryDelayMs(status(any("google.rpc.RetryInfo", [])))).toBeUndefined();
    expect(retryDelayMs(new Uint8Array())).toBeUndefined();
  });

  test("ends on any bytes, and on every beginning of a real message", () => {
    const whole = status(retryInfo(duration(1, 0)));
    for (let end = 0; end < whole.length; end++) expect([undefined, 0]).toContain(retryDelayMs(whole.subarray(0, end)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const delay = retryDelayMs(noise);
        expect(delay === undefined || delay >= 0).toBe(true);
      }),
    );
  });
});
