import { fork } from "node:child_process";
import { once } from "node:events";
import { type OnceCall, type OnceTool, said, type ToolModule } from "./once-tool.ts";
import { sibling } from "./sibling.ts";

/** Somebody who calls the tool: in this process, or in one that can be killed. */
export interface Caller {
  /** So many calls at once; what each was told. A caller that is gone says so. */
  call(call: OnceCall, times?: number): Promise<readonly string[]>;
  /** Kills its process, if it has one of its own; nothing is cleaned up. */
  kill(): Promise<void>;
  end(): Promise<void>;
}

export function startCaller(tool: OnceTool, execArgv: readonly string[]): Caller {
  return typeof tool === "function" ? here(tool) : elsewhere(tool, execArgv);
}

function here(tool: (call: OnceCall) => unknown): Caller {
  return {
    call: (call, times = 1) => Promise.all(Array.from({ length: times }, () => said(tool, call))),
    kill: async () => undefined,
    end: async () => undefined,
  };
}

function elsewhere({ module, export: name = "default" }: ToolModule, execArgv: readonly string[]): Caller {
  const child = fork(sibling("once-process", import.meta.url), [String(module), name], {
    execArgv: [...execArgv],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = once(child, "exit").then(([code, signal]) => `its process ended with ${signal ?? code}`);
  const open = new Map<number, (told: readonly string[]) => void>();
  let last = 0;
  child.on("message", ({ id, told }: { id: number; told: readonly string[] }) => open.get(id)?.(told));
  child.on("error", () => undefined); // a message to a process that has just ended: `exited` tells
  return {
    call: (call, times = 1) => {
      const id = ++last;
      const told = new Promise<readonly string[]>((resolve) => open.set(id, resolve));
      if (child.connected) child.send({ id, call, times });
      return Promise.race([told, exited.then((how) => [how])]);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    end: async () => {
      if (child.connected) child.disconnect();
      // It has had its answers: what its store or its timers still want, they no longer get.
      const late = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await exited;
      clearTimeout(late);
    },
  };
}
