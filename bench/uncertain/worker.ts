// The program of `startWorker`: one contender in a process of its own, and the points at which its frame can be stopped.
import type { Contender, Intent, Running } from "./contender.ts";
import { type FromWorker, type Stop, type ToWorker, WORKER_ENV, type WorkerOrder } from "./worker-handle.ts";
import { worldClient } from "./world-client.ts";

const order = JSON.parse(process.env[WORKER_ENV] as string) as WorkerOrder;
const { default: exported } = (await import(new URL(order.file, import.meta.url).href)) as {
  default: Contender | readonly Contender[];
};
const contenders = Array.isArray(exported) ? (exported as readonly Contender[]) : [exported as Contender];
const contender = contenders.find(({ name }) => name === order.name) as Contender;

const stops = new Map<string, Stop>();
const raises = new Map<string, { readonly when: "before" | "after"; readonly every: boolean }>();
const tell = (message: FromWorker): void => void process.send?.(message);
let go: () => void = () => undefined;

/** Stands still here until the driver has done what it wants to do with this process. */
async function point(stop: Stop, { id }: Intent): Promise<void> {
  if (stops.get(id) !== stop) return;
  stops.delete(id);
  tell({ stopped: stop });
  await new Promise<void>((resolve) => {
    go = resolve;
  });
}

function raise(when: "before" | "after", { id }: Intent): void {
  const planned = raises.get(id);
  if (planned?.when !== when) return;
  if (!planned.every) raises.delete(id);
  throw new Error(`the tool raises ${when} its effect`);
}

const world = worldClient(order.world, order.offers, {
  sending: async (intent) => {
    await point("effect_sending", intent);
    raise("before", intent);
  },
  answered: async (intent) => raise("after", intent),
  timedOut: ({ id }) => tell({ timedOut: id }),
});

async function perform(running: Running, call: number, intent: Intent): Promise<void> {
  try {
    await point("received", intent);
    const said = await running.perform(intent);
    await point("telling", intent);
    tell({ call, said });
  } catch (error) {
    tell({ call, broke: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
}

const running = await contender.start(world, order.stores);
process.on("message", (message: ToWorker) => {
  if ("go" in message) return go();
  if ("ping" in message) return tell({ pong: true });
  if ("close" in message) return void running.close().finally(() => process.exit());
  const { call, intent, stop, raises: planned } = message;
  if (stop) stops.set(intent.id, stop);
  if (planned) raises.set(intent.id, planned);
  void perform(running, call, intent);
});
process.on("disconnect", () => process.exit());
tell({ ready: true });
