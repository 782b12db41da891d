import { fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** A process of the demo, seen from the demo. */
export interface Child<Job, Message extends { readonly type: string }> {
  readonly pid: number;
  start(job: Job): void;
  /** The next message of this type that `matches`. Ask before it can arrive. Rejects when the process ends first. */
  next<Type extends Message["type"]>(
    type: Type,
    matches?: (message: Extract<Message, { type: Type }>) => boolean,
  ): Promise<Extract<Message, { type: Type }>>;
  /** Every message from now on. */
  listen(heard: (message: Message) => void): void;
  /** `kill -9`: no handler runs, nothing is flushed, nobody is told. Resolves when the process is gone. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  /** Kills it when it fires. */
  readonly signal: AbortSignal;
  /** Where Node may keep compiled code. The demo starts some twenty processes, which would each compile the same. */
  readonly compileCache: string;
}

/** Starts `provider` or `agent` and waits until it is ready for its job. */
export async function startChild<Job, Message extends { readonly type: string }>(
  name: "provider" | "agent",
  { signal, compileCache }: ChildOptions,
): Promise<Child<Job, Message>> {
  // From src this is a .ts file, from dist a .js file.
  const file = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
  const child = fork(file, {
    execArgv: ["--disable-warning=ExperimentalWarning"], // node:sqlite, on older Nodes
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    signal,
    killSignal: "SIGKILL",
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  // After "exit" its last messages may still be on their way; after "close" they have all been read.
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once("close", (_code, killedBy) => resolve(killedBy));
  });
  child.on("error", () => undefined); // an abort; "close" follows

  const self: Child<Job, Message> = {
    pid: child.pid ?? 0,
    start: (job) => {
      child.send(job as object, () => undefined); // one that is dead by now is seen by `ended`
    },
    next: async (type, matches = () => true) => {
      const arrived = new AbortController();
      const message = new Promise<never>((resolve) => {
        const look = (message: Message): void => {
          if (message.type === type && matches(message as never)) resolve(message as never);
        };
        child.on("message", look as never);
        arrived.signal.addEventListener("abort", () => child.off("message", look as never));
      });
      const tooEarly = ended.then((killedBy) => {
        const how = killedBy === null ? `with exit code ${child.exitCode}` : `by ${killedBy}`;
        throw new Error(`The ${name} process ended ${how} before it said "${type}". ${stderr}`.trim());
      });
      try {
        return await Promise.race([message, tooEarly]);
      } finally {
        arrived.abort();
      }
    },
    listen: (heard) => void child.on("message", (message) => heard(message as Message)),
    kill: async () => {
      child.kill("SIGKILL");
      const killedBy = await ended;
      if (killedBy !== "SIGKILL") throw new Error(`The ${name} process had ended by itself before it was killed.`);
    },
  };
  await self.next("ready" as Message["type"]);
  return self;
}
