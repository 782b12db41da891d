import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A worker process of an engine. */
export interface EngineWorker {
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Lets it go on after SIGSTOP. */
  resume(): void;
  ask<Answer>(question: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** Forks a program that sends `{ ready: true }`, answers what it is asked, and ends when it is disconnected. */
export async function forkWorker(program: URL, options: unknown): Promise<EngineWorker> {
  const child = fork(fileURLToPath(program), [JSON.stringify(options)], {
    execArgv: [],
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  const open = new Map<number, PromiseWithResolvers<unknown>>();
  const ready = Promise.withResolvers<void>();
  let last = 0;
  child.on("message", ({ id, value }: { id?: number; value?: unknown }) => {
    if (id === undefined) return ready.resolve();
    open.get(id)?.resolve(value);
  });
  void ended.then(([code, signal]) => {
    const gone = new Error(`the worker has ended: ${signal ?? code}`);
    for (const asked of [ready, ...open.values()]) asked.reject(gone);
  });
  await ready.promise;
  return {
    kill: async (signal) => {
      child.kill(signal);
      if (signal === "SIGKILL") await ended;
    },
    resume: () => void child.kill("SIGCONT"),
    ask: <Answer>(question: unknown) => {
      const asked = Promise.withResolvers<unknown>();
      asked.promise.catch(() => undefined); // whoever kills a worker need not look at what it was doing
      open.set(++last, asked);
      child.send({ id: last, question });
      return asked.promise as Promise<Answer>;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** For a worker's program: what it is told, and how it tells that it is ready. */
export function asWorker<Options>(): {
  options: Options;
  ready(): void;
  onAsk(answer: (question: never) => unknown): void;
} {
  return {
    options: JSON.parse(process.argv[2] as string) as Options,
    ready: () => {
      process.once("disconnect", () => process.exit());
      process.send?.({ ready: true });
    },
    onAsk: (answer) => {
      process.on("message", async ({ id, question }: { id: number; question: never }) => {
        const value = await answer(question);
        if (process.connected) process.send?.({ id, value });
      });
    },
  };
}
