import type { World } from "./world.ts";

/** A morning of an agent: what goes well, what comes again, what is lost, refused, held, and what a case is waited for. */
export async function someTraffic({ guard, shipments }: World): Promise<void> {
  const run = (runId: string, actor = "agent-7") => ({ runId, actor, wait: 0 }) as const;
  const execute = guard.execute as (
    action: string,
    payload: object,
    context?: object,
  ) => Promise<{ requestId: string | null }>;
  for (let n = 1; n <= 12; n++) {
    const traceId = `4bf92f3577b34da6a3ce929d0e0e47${String(n).padStart(2, "0")}`;
    const host = { scope: "thread-1", callId: `call-${n}` };
    await execute("refund_payment", { order: `A${n}`, amount: n * 1_250 }, { ...run("run-morning"), host, traceId });
  }
  for (let n = 1; n <= 5; n++) {
    const host = { scope: "thread-1", callId: `call-again-${n}` };
    await execute(
      "refund_payment",
      { order: `A${n}`, amount: n * 1_250, note: "as I said" },
      { ...run("run-morning"), host },
    );
  }
  for (let n = 1; n <= 3; n++)
    await execute("refund_payment", { order: `L${n}`, amount: 4_900, fault: "lost" }, run("run-storm"));
  await execute("charge_card", { order: "C1", amount: 700, fault: "lost" }, run("run-storm"));
  await execute("charge_card", { order: "C2", amount: 900, fault: "declined" }, run("run-storm"));
  await execute("charge_card", { order: "C3", amount: 900, fault: "busy" }, run("run-storm"));
  await execute("refund_payment", { order: "H1", amount: 75_000 }, run("run-big", "agent-9"));
  await execute("refund_payment", { order: "H2", amount: 120_000 }, run("run-big", "agent-9"));
  await execute("send_mail", { order: "M1", note: "one" }, run("run-mail"));
  await execute("send_mail", { order: "M1", note: "two" }, run("run-mail"));
  await execute("send_mail", { order: "M2", amount: 9_500, note: "x" }, run("run-mail"));
  await execute("pay_winner", { order: "42", amount: 10_000 }, run("run-match"));
  await guard
    .case("match:42")
    .signal({ id: "s1", source: "referee", outcome: "home", confidence: 0.7, at: Date.now() });
  await guard.case("match:42").signal({ id: "s2", source: "feed", outcome: "away", confidence: 0.65, at: Date.now() });
  for (const order of ["s1", "s2", "s3"]) {
    shipments[order] = { priority: "normal" };
    await execute("flag_shipment", { order, note: "high" }, run("run-flags"));
  }
  // What has no way to be settled goes to a person.
  await guard.reconcile();
}
