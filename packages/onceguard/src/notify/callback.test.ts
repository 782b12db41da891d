import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { NEVER, NOTIFICATION } from "../../test/support/notification.ts";
import type { Notification } from "../core/notification.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { callbackNotifier } from "./callback.ts";

describe("callbackNotifier", () => {
  it("gives the notification to the function, and waits for it", async () => {
    const seen: Notification[] = [];
    const tell = async (notification: Notification): Promise<boolean> => {
      await Promise.resolve();
      seen.push(notification);
      return false; // what it answers says nothing
    };
    const notifier = callbackNotifier(tell);
    await notifier.deliver(NOTIFICATION, NEVER);
    expect(seen).toEqual([NOTIFICATION]);
    expect(notifier.name).toBe("callback tell");
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("pager\u001b[31m is\r\ndown");
      },
    ],
    ["rejects", () => Promise.reject(new Error("pager is down"))],
  ])("has not delivered when it %s", async (_how, callback) => {
    const notifier = callbackNotifier(callback, { name: "pager" });
    await expect(notifier.deliver(NOTIFICATION, NEVER)).rejects.toMatchObject({
      code: "notification_failed",
      message: "callback pager did not take notification ntf_2mK4: it threw: pager is down",
      fields: { notifier: "callback pager", id: "ntf_2mK4" },
      cause: expect.any(Error),
    });
  });

  it("is not waited for when it ignores the signal: time is up", async () => {
    const clock = fakeClock();
    let given: AbortSignal | undefined;
    const notifier = callbackNotifier(
      (_notification, signal) => {
        given = signal;
        return new Promise(() => {});
      },
      { clock, timeout: "3s" },
    );
    const delivery = expect(notifier.deliver(NOTIFICATION, NEVER)).rejects.toThrow("it took longer than 3000 ms.");
    await clock.advance(2_999);
    expect(given?.aborted).toBe(false);
    await clock.advance(1);
    await delivery;
    expect(given?.aborted).toBe(true);
  });

  it("is not waited for when it ignores the signal: called off, and what it throws later is nobody's", async () => {
    const controller = new AbortController();
    const notifier = callbackNotifier(async () => {
      controller.abort();
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error("late");
    });
    await expect(notifier.deliver(NOTIFICATION, controller.signal)).rejects.toThrow("it was called off.");
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("is not called at all once it is called off", async () => {
    const notifier = callbackNotifier(() => expect.unreachable());
    await expect(notifier.deliver(NOTIFICATION, AbortSignal.abort())).rejects.toMatchObject({
      code: "notification_failed",
      message: expect.stringContaining("it was called off before it began."),
    });
  });

  it("leaves no timer and no listener behind", async () => {
    const clock = fakeClock();
    const { signal } = new AbortController();
    await callbackNotifier(() => {}, { clock }).deliver(NOTIFICATION, signal);
    await callbackNotifier(() => Promise.reject(new Error()), { clock })
      .deliver(NOTIFICATION, signal)
      .catch(() => {});
    expect(clock.nextInMs()).toBeNull();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it.each([0, -1, "25d", "soon"])("refuses the timeout %j", (timeout) => {
    expect(() => callbackNotifier(() => {}, { timeout })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });
});
