import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { CorrectionPlan } from "../../src/core/blast-radius.ts";
import type { CorrectionReport } from "../../src/pipeline/correct.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";
import type { Order } from "./correcting-process.ts";

const COUNT = 150;
const EVERY = 40;

/** The shipments, which outlive every process that changes them; what was undone is counted here. */
async function startWorld() {
  const shipments = new Map<string, { priority: string }>();
  const undone = new Map<string, number>();
  let onUndone: () => void = () => undefined;
  let onRead: (id: string) => void = () => undefined;
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://world");
    const id = pathname.slice(1);
    if (request.method === "PUT") {
      let text = "";
      for await (const part of request) text += part;
      shipments.set(id, JSON.parse(text));
      if (search === "?undo") {
        undone.set(id, (undone.get(id) ?? 0) + 1);
        onUndone();
      }
    }
    if (request.method === "GET") onRead(id);
    response.end(JSON.stringify(shipments.get(id) ?? { priority: "normal" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const watch = (undo: () => void, read: (id: string) => void): void => {
    onUndone = undo;
    onRead = read;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, shipments, undone, watch, server };
}

function start(order: Order): ChildProcess {
  const program = fileURLToPath(new URL("./correcting-process.ts", import.meta.url));
  return fork(program, [JSON.stringify(order)], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

test.each(STORE_KINDS)(
  "a correction killed every few records undoes each once, and no other's change: %s",
  async (kind) => {
    const { address, remove } = await createStore(kind);
    const { url, shipments, undone, watch, server } = await startWorld();
    try {
      const order = { store: address, world: url, count: COUNT };
      const [plan] = (await once(start({ ...order, does: "flag" }), "message")) as [CorrectionPlan];
      expect(plan.rows).toHaveLength(COUNT);
      for (const id of ["s7", "s70", "s149"]) shipments.set(id, { priority: "by hand" });

      let kills = 0;
      let looks = 0;
      let report: CorrectionReport | null = null;
      while (report === null) {
        const child = start({ ...order, does: "correct" });
        child.send(plan);
        const limit = undone.size + EVERY;
        const kill = (): void => void child.kill("SIGKILL");
        // One of them dies while it looks at a record that others have changed: claimed, and nothing sent.
        watch(
          () => undone.size >= limit && kill(),
          (id) => id === "s7" && ++looks === 1 && kill(),
        );
        const answer = once(child, "message").then(([message]) => message as CorrectionReport);
        const died = once(child, "exit").then(() => null);
        report = await Promise.race([answer, died]);
        if (report === null) kills += 1;
      }

      expect(kills).toBeGreaterThanOrEqual(3);
      expect(report.rows.filter(({ result }) => result === "open")).toEqual([]);
      expect(report.complete).toBe(true);
      const results = Object.groupBy(report.rows, ({ result }) => result);
      expect(results.corrected).toHaveLength(COUNT - 3);
      expect(results.review?.map(({ recordId }) => recordId).sort()).toEqual([
        "shipment:s149",
        "shipment:s7",
        "shipment:s70",
      ]);
      expect(report.rows.filter(({ result, restored }) => result === "corrected" && restored !== true)).toEqual([]);
      expect([...undone.values()].filter((times) => times !== 1)).toEqual([]);
      expect(undone.size).toBe(COUNT - 3);
      expect([...shipments.values()].filter(({ priority }) => priority === "by hand")).toHaveLength(3);
      expect([...shipments.values()].filter(({ priority }) => priority === "urgent")).toEqual([]);
    } finally {
      server.close();
      server.closeAllConnections();
      await remove();
    }
  },
);
