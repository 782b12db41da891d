import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { holds, say, side, story, until } from "../support/story.ts";
import { freePort, startRestateServer } from "./restate-server.ts";

const REFUND = { order: "A-1001", amount: 500 };

await story("A refund in a Restate service that is killed in the middle of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-restate-"));
  const restate = await startRestateServer(folder);

  const tell = (name: "without" | "with") =>
    side(name === "with" ? "With the guard" : "Without the guard", {}, async (bank) => {
      await bank.cue({ fault: "hold" });
      const port = await freePort();
      const start = async (): Promise<ChildProcess> => {
        const program = fileURLToPath(new URL("service.ts", import.meta.url));
        const service = fork(program, [name, String(port), bank.url, join(bank.folder, "onceguard.db")]);
        await once(service, "message");
        return service;
      };
      const doomed = await start();
      await restate.register(port);
      const answer = restate.call<typeof REFUND>(`${name}_guard/refund`, REFUND);
      await until("the bank has the refund", () => bank.requests("refunds").length === 1);
      say("the bank has refunded, and has not answered yet; kill -9");
      doomed.kill("SIGKILL");
      await once(doomed, "exit");
      const service = await start();
      say(`Restate runs the handler again: ${JSON.stringify(await answer)}`);
      service.disconnect();
      return bank.effects("refunds").length;
    });

  const without = await tell("without");
  const guarded = await tell("with");
  await restate.stop();
  rmSync(folder, { recursive: true, force: true });

  console.log();
  holds("refunds without the guard", without, 2);
  holds("refunds with the guard", guarded, 1);
});
