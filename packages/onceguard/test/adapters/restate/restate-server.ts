import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { restateProcess } from "../../support/restate.ts";

/** Restate's own server. */
export interface RestateServer {
  /** Has it find the services at this port. */
  register(port: number): Promise<void>;
  /** Calls a handler through the ingress, and waits for its end. */
  call(handler: string, payload: unknown, idempotencyKey: string): Promise<{ status: number; answer: unknown }>;
  /** What it says of the invocation with this key. */
  invocation(idempotencyKey: string): Promise<{ id: string; status: string } | undefined>;
  /** `purge` forgets an invocation that is over, as the end of its retention does; `resume` carries on a paused one. */
  tell(id: string, what: "purge" | "resume"): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one of its own: less than a second. */
export async function startRestateServer(): Promise<RestateServer> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-restate-"));
  const { adminPort, ingressPort, start } = await restateProcess(dir, { base: dir });
  const server = await start();
  const [ingress, admin] = [`http://127.0.0.1:${ingressPort}`, `http://127.0.0.1:${adminPort}`];
  const headers = { "content-type": "application/json", accept: "application/json" };

  const ask = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${admin}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  return {
    register: async (port) => void (await ask("/deployments", { uri: `http://127.0.0.1:${port}` })),
    call: async (handler, payload, idempotencyKey) => {
      const response = await fetch(`${ingress}/${handler}`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": idempotencyKey },
        body: JSON.stringify(payload),
      });
      const text = await response.text();
      return { status: response.status, answer: text === "" ? undefined : JSON.parse(text) };
    },
    invocation: async (key) => {
      const query = `select id, status from sys_invocation where idempotency_key = '${key}'`;
      const { rows } = (await ask("/query", { query })) as { rows: { id: string; status: string }[] };
      return rows[0];
    },
    tell: async (id, what) => {
      const response = await fetch(`${admin}/invocations/${id}/${what}`, { method: "PATCH" });
      if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    },
    stop: async () => {
      await server.stop("TERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
