import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createGuard, defineAction, type Outcome } from "onceguard";
import { memoryStore } from "onceguard/memory";
import { PAYLOAD } from "../contenders.ts";
import { atMost, figure, type Row, type Table } from "../report.ts";
import { progress } from "../settings.ts";

const WAITING = 10_000;
/** Those who wait across processes ask again and again, so that fewer of them fit on one core. */
const POLLING = 1_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** How much memory a caller takes who waits for an execution that somebody else has begun. */
export async function waiting(): Promise<readonly Table[]> {
  const rows = [await sameRequest(), await differentRequests(), await anotherProcess()];
  return [
    {
      title: "Memory per waiting caller",
      about:
        "Heap that is in use, after a collection, with so many callers waiting more than without, divided by their number; over the memory store. All of them pass the same payload object, which is theirs.",
      columns: ["", "callers", "bytes each"],
      rows,
    },
  ];
}

/** An effect that takes until it is let go. */
function gated() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    execute: async (payload: typeof PAYLOAD) => {
      await opened;
      return { paid: payload.amount };
    },
  });
  return { pay, open: () => open() };
}

/** Everybody waits for one request. */
async function sameRequest(): Promise<Row> {
  const { pay, open } = gated();
  const guard = createGuard({ store: memoryStore(), actions: [pay], sweepEvery: false });
  const call = () => guard.execute("pay", PAYLOAD, { requestId: "one" });
  const each = await growth([call()], () => Array.from({ length: WAITING }, call), open);
  await guard.close();
  return row("in one process, all for one request", WAITING, each);
}

/** Each waits for a request of its own: what its execution takes is there before. */
async function differentRequests(): Promise<Row> {
  const { pay, open } = gated();
  const guard = createGuard({ store: memoryStore(), actions: [pay], sweepEvery: false });
  const calls = () => Array.from({ length: WAITING }, (_, n) => guard.execute("pay", PAYLOAD, { requestId: `r${n}` }));
  const each = await growth(calls(), calls, open);
  await guard.close();
  return row("in one process, each for another request", WAITING, each);
}

/** As from another process: a second guard on the same store. */
async function anotherProcess(): Promise<Row> {
  const { pay, open } = gated();
  const store = memoryStore();
  const guard = createGuard({ store, actions: [pay], sweepEvery: false });
  const other = createGuard({ store, actions: [pay], sweepEvery: false });
  const calls = (by: typeof guard) =>
    Array.from({ length: POLLING }, (_, n) => by.execute("pay", PAYLOAD, { requestId: `r${n}` }));
  const each = await growth(calls(guard), () => calls(other), open);
  await other.close();
  await guard.close();
  return row("across processes, each for another request", POLLING, each);
}

async function growth(
  running: readonly Promise<Outcome>[],
  waiters: () => readonly Promise<Outcome>[],
  open: () => void,
): Promise<number> {
  const before = await heapInUse();
  const waits = waiters();
  const after = await heapInUse();
  open();
  for (const outcome of await Promise.all([...running, ...waits]))
    if (outcome.status !== "executed" && outcome.status !== "replayed") throw new Error(JSON.stringify(outcome));
  return (after - before) / waits.length;
}

/** Once everything that was begun has come to where it waits. */
async function heapInUse(): Promise<number> {
  await new Promise((settled) => setTimeout(settled, 300));
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 5; n++) {
    collect();
    least = Math.min(least, process.memoryUsage().heapUsed);
    await new Promise((turn) => setTimeout(turn, 5));
  }
  return least;
}

function row(name: string, callers: number, bytes: number): Row {
  progress(`waiting ${name}: ${figure(bytes, 0)} bytes each`);
  return {
    cells: [name, figure(callers, 0), figure(bytes, 0)],
    goal: atMost(bytes, 2_000, " bytes"),
    data: { name, callers, bytes },
  };
}
