/**
 * The beginning of every process that the demo starts: it takes its one job from the demo, and ends with it. Even a
 * demo that was killed leaves nothing behind, because the channel closes with it.
 */
export async function serve<Job, Message extends object>(): Promise<{
  readonly job: Job;
  readonly tell: (message: Message) => void;
}> {
  if (!process.send) throw new Error("This file is started by `onceguard demo`.");
  process.once("disconnect", () => process.exit());
  const tell = (message: Message | { type: "ready" }): void => {
    process.send?.(message);
  };
  const job = new Promise<Job>((resolve) => process.once("message", (message) => resolve(message as Job)));
  tell({ type: "ready" });
  return { job: await job, tell };
}
