import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Ended, Folder, startProcess } from "../e2e/cli.ts";
import { someKeys, startService, type TestService, until } from "./service.ts";

const FOLDER = fileURLToPath(new URL("../../../../examples/http-clients/", import.meta.url));

const CLIENTS = [
  { name: "Python", program: "python3", args: [`${FOLDER}onceguard.py`] },
  { name: "shell", program: "sh", args: [`${FOLDER}onceguard.sh`], needs: "curl" },
] as const;

function isThere(program: string): boolean {
  const found = spawnSync(program, ["--version"]).error === undefined || program === "sh";
  if (!found) console.warn(`${program} is not installed: its client is not tested`);
  return found;
}

/** A way to the server that loses the answers to the first requests: it cuts the connection once one begins to come. */
async function losing(url: string, answers: number): Promise<{ url: string; lost: () => number; server: Server }> {
  let lost = 0;
  const server = createServer((client: Socket) => {
    const upstream = connect(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.pipe(upstream);
    client.on("close", () => upstream.destroy());
    upstream.on("data", (chunk) => {
      if (lost >= answers) return void client.write(chunk);
      lost += 1;
      client.destroy();
    });
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, lost: () => lost, server };
}

const KEYS = someKeys({ agent: { tenant: "acme", role: "caller" } });

for (const client of CLIENTS) {
  const isRunnable = isThere(client.program) && (!("needs" in client) || isThere(client.needs));
  describe.skipIf(!isRunnable)(`the client in ${client.name}`, () => {
    const start = (service: { url: string }, ...args: string[]) => {
      const env = {
        ONCEGUARD_URL: service.url,
        ONCEGUARD_KEY: KEYS.bearer.agent.authorization?.slice("Bearer ".length) ?? "",
        ONCEGUARD_PATIENCE: "5",
        PYTHONDONTWRITEBYTECODE: "1",
      };
      return startProcess(client.program, [...client.args, ...args], FOLDER, { env });
    };
    const run = (service: { url: string }, ...args: string[]): Promise<Ended> => start(service, ...args).ended;
    const serve = (): Promise<TestService> => startService({ http: { keys: KEYS.keys } });
    const order = (ref: string, mode?: string) => ["execute", "order", JSON.stringify({ ref, ...(mode && { mode }) })];

    it("execute: once, and replayed; the exit code says what became of it", async () => {
      const service = await serve();
      const first = await run(service, ...order("c1"));
      expect([first.code, first.json()]).toMatchObject([0, { status: "executed", result: { ordered: "c1" } }]);
      expect((await run(service, ...order("c1"))).json()).toMatchObject({ status: "replayed" });
      expect((await run(service, "execute", "strict", '{"ref":"é 日"}', 'odd "id" \\ é/%')).code).toBe(0);
      expect((await run(service, "execute", "strict", '{"ref":"other"}', 'odd "id" \\ é/%')).code).toBe(65);
      expect((await run(service, ...order("no", "reject"))).code).toBe(1);
      expect((await run(service, ...order("who knows", "lose"))).code).toBe(75);
      expect((await run(service, "execute", "careful", '{"ref":"x"}')).code).toBe(75);
      expect((await run(service, "execute", "forbidden", '{"ref":"x"}')).code).toBe(77);
      expect((await run(service, "execute", "nothing", "{}")).code).toBe(2);
      expect(service.effects).toEqual(["c1", "é 日", "who knows"]);
    });

    it("answers that get lost: the same is sent again, and done once", async () => {
      const service = await serve();
      const way = await losing(service.url, 2);
      const ended = await run(way, ...order("lost"));
      expect([ended.code, ended.json().status]).toEqual([0, "replayed"]);
      expect(way.lost()).toBe(2);
      expect(service.effects).toEqual(["lost"]);
    });

    it("waits while another one executes it", async () => {
      const service = await serve();
      const first = service.call(
        "POST",
        "/v1/execute",
        { action: "order", payload: { ref: "w", mode: "hold" } },
        KEYS.bearer.agent,
      );
      await until(() => service.effects.length === 1, "the effect");
      const second = run(service, ...order("w", "hold"));
      service.release();
      await first;
      expect((await second).json().status).toBe("replayed");
    });

    it("claim: the command is run once, with the key to send downstream, and its result is replayed", async () => {
      const service = await serve();
      const folder = new Folder();
      const effect = folder.file("open.sh");
      writeFileSync(effect, '#!/bin/sh\necho "$ONCEGUARD_IDEMPOTENCY_KEY" >> "$1"\necho opened\n');
      chmodSync(effect, 0o755);
      const claim = ["claim", "valve", '{"valve":7}', "--", effect, folder.file("effects")];
      const first = await run(service, ...claim);
      expect([first.code, first.json().status]).toEqual([0, "executed"]);
      const again = await run(service, ...claim);
      expect([again.code, again.json().status]).toEqual([0, "replayed"]);
      expect(again.json().result).toMatchObject({ exit_code: 0, stdout: expect.stringContaining("opened") });
      expect(folder.lines("effects")).toHaveLength(1);
      expect(folder.lines("effects")[0]?.length).toBeGreaterThan(10);
      const receipt = await service.guard.receipt(first.json().request_id, { tenant: "acme" });
      expect(receipt?.actor).toBe("agent");
    });

    it("claim: its answers get lost, and it is still done once", async () => {
      const service = await serve();
      const way = await losing(service.url, 1);
      const folder = new Folder();
      const ended = await run(
        way,
        "claim",
        "valve",
        '{"valve":8}',
        "--",
        "sh",
        "-c",
        `echo x >> ${folder.file("effects")}`,
      );
      expect([ended.code, folder.lines("effects").length]).toEqual([0, 1]);
    });

    it("claim: what cannot be started certainly did not happen; what was killed is in doubt and not done again", async () => {
      const service = await serve();
      const missing = await run(service, "claim", "valve", '{"valve":1}', "--", "/nowhere/at/all");
      expect([missing.code, missing.json().code ?? missing.json().status]).toEqual([1, "failed"]);
      const folder = new Folder();
      const effects = folder.file("effects");
      const killed = ["claim", "valve", '{"valve":2}', "--", "sh", "-c", `echo x >> ${effects}; kill -9 $$`];
      expect((await run(service, ...killed)).code).toBe(75);
      const again = await run(service, ...killed);
      expect([again.code, again.json().status]).toEqual([75, "in_doubt"]);
      expect(folder.lines("effects")).toHaveLength(1);
    });

    it("claim: a client that is killed leaves its claim behind, and the next one does not do it", async () => {
      const service = await serve();
      const folder = new Folder();
      const effect = `echo $$ >> ${folder.file("effects")}; exec sleep 600 >/dev/null 2>&1 </dev/null`;
      const claim = ["claim", "valve", '{"valve":3}', "--", "sh", "-c", effect];
      const started = start(service, ...claim);
      await until(() => folder.lines("effects").length === 1, "the effect");
      started.child.kill("SIGKILL");
      await started.ended;
      process.kill(Number(folder.lines("effects")[0]), "SIGKILL");
      expect((await run(service, ...claim)).code).toBe(75);
      expect(folder.lines("effects")).toHaveLength(1);
    });
  });
}
