// The program of the pg-boss stories: a worker for each side.
import { type Boss, guardedWork } from "../../../src/adapters/pg-boss/index.ts";
import { type Charge, charging, dyingAfter, openGuard, queueOf, type WorkerOptions, working } from "../charging.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const loaded = (await import(options.engine)) as typeof import("pg-boss") & {
  default: typeof import("pg-boss").PgBoss;
};
const PgBoss = loaded.PgBoss ?? loaded.default; // a default export before 12
const guard = await openGuard(options.store);
const { charge, rule } = charging(options.world);
const dying = dyingAfter(options.diesAfter);

const boss = new PgBoss({
  connectionString: options.address,
  max: 4,
  superviseIntervalSeconds: 1,
  monitorIntervalSeconds: 1,
  maintenanceIntervalSeconds: 3_600,
  schedule: false,
});
boss.on("error", () => undefined);
await boss.start();

const work = { pollingIntervalSeconds: 0.5 };
await boss.work(queueOf(options.story, "plain"), work, (jobs) => {
  const [job] = jobs as { data: Charge }[];
  return dying(charge(job?.data as Charge));
});
// What dies has to die after the adapter has answered.
const bossLike = boss as Boss;
const dyingBoss: Boss = new Proxy(bossLike, {
  get: (_, name: keyof Boss) => {
    if (name !== "work") return bossLike[name]?.bind(bossLike);
    return (queue: string, settings: object, handler: (jobs: unknown[]) => Promise<unknown>) =>
      bossLike.work(queue, settings, (jobs) => dying(handler(jobs)));
  },
});
for (const side of ["guarded", "unsettled"] as const) {
  await guardedWork(dyingBoss, queueOf(options.story, side), guard, charge, { ...rule(side), work });
}

working(async () => {
  await boss.stop({ graceful: true, close: true, timeout: 5_000 });
  await guard.close();
});
