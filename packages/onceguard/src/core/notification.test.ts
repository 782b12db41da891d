import fc from "fast-check";
import { expect, test } from "vitest";
import { type Notification, notificationId } from "./notification.ts";

test("is made of everything that tells one piece of news from another", () => {
  expect(notificationId("review", "acme", "r", 3)).toBe("review:acme:r:3");
  expect(notificationId("halted", "acme", "run", "run-1", 1_000)).toBe("halted:acme:run:run-1:1000");
});

test("no part can be mistaken for two, or for the kind", () => {
  expect(notificationId("held", "a:b", "c")).not.toBe(notificationId("held", "a", "b:c"));
  expect(notificationId("held", "a", "", "b")).not.toBe(notificationId("held", "a", "b"));
  expect(notificationId("held", "a%3Ab")).not.toBe(notificationId("held", "a:b"));
  expect(notificationId("held", "review", "x")).not.toBe(notificationId("review", "held", "x"));
});

test("two pieces of news have one id only where they are the same", () => {
  const kinds = fc.constantFrom<Notification["kind"]>("review", "held", "conflict", "halted");
  // Few letters, and those that an id is made of: what could be confused comes up often.
  const part = fc.string({ unit: fc.constantFrom(":", "%", "3", "A", "a", "é", "\u{1F600}", "/", " "), maxLength: 4 });
  const parts = fc.array(part, { maxLength: 4 });
  fc.assert(
    fc.property(kinds, parts, kinds, parts, (kind, some, otherKind, others) => {
      const same = kind === otherKind && JSON.stringify(some) === JSON.stringify(others);
      expect(notificationId(kind, ...some) === notificationId(otherKind, ...others)).toBe(same);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(kinds, parts, (kind, some) => {
      const [first, ...rest] = notificationId(kind, ...some).split(":");
      expect([first, ...rest.map(decodeURIComponent)]).toEqual([kind, ...some]);
    }),
  );
});
