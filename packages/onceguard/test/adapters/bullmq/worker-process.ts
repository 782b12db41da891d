// The program of the BullMQ stories: a worker for each side.
import { guardProcessor } from "../../../src/adapters/bullmq/index.ts";
import {
  type Charge,
  charging,
  dyingAfter,
  openGuard,
  queueOf,
  type Side,
  type WorkerOptions,
  working,
} from "../charging.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const { Worker } = (await import(options.engine)) as typeof import("bullmq");
const guard = await openGuard(options.store);
const { charge, rule } = charging(options.world);
const dying = dyingAfter(options.diesAfter);

const settings = {
  connection: { host: "127.0.0.1", port: Number(options.address) },
  lockDuration: 1_000,
  stalledInterval: 250,
  maxStalledCount: 50,
};
const processors = {
  plain: (job: { data: Charge }) => charge(job.data),
  guarded: guardProcessor(guard, charge, rule("guarded")),
  unsettled: guardProcessor(guard, charge, rule("unsettled")),
};
const workers = (Object.keys(processors) as Side[]).map((side) => {
  // biome-ignore lint/suspicious/noExplicitAny: the Job of one or the other major
  const process = processors[side] as (...args: any[]) => Promise<unknown>;
  const worker = new Worker(queueOf(options.story, side), (...args) => dying(process(...args)), settings);
  worker.on("error", () => undefined); // a lock that is lost is the point of some of these stories
  return worker;
});
await Promise.all(workers.map((worker) => worker.waitUntilReady()));

working(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await guard.close();
});
