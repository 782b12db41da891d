/** The demo, seen from a process that it started. */
export interface Parent<Job, Message> {
  readonly job: Job;
  tell(message: Message): void;
  /** Says a last thing, and ends the process once it has been said. */
  finish(message: Message): void;
}

/**
 * The beginning of every process that the demo starts: it takes its one job from the demo, and it ends with the demo.
 * Even one that was killed leaves nothing behind, because the channel closes with it.
 */
export async function takeJob<Job, Message extends object>(): Promise<Parent<Job, Message>> {
  if (!process.send) throw new Error("This file is started by `onceguard demo`.");
  process.once("disconnect", () => process.exit());
  const job = new Promise<Job>((resolve) => process.once("message", (message) => resolve(message as Job)));
  process.send({ type: "ready" });
  return {
    job: await job,
    tell: (message) => void process.send?.(message),
    finish: (message) => void process.send?.(message, () => process.disconnect()),
  };
}
