import type { IncomingMessage } from "node:http";
import type { Effect } from "./flaky-world.ts";

// An import would also load all of `fetch` and WebSocket, which "node:http" exports too: a third of the time that a process
// takes to start, and the crash tests start hundreds.
const { Agent, request } = process.getBuiltinModule("node:http");

export interface Sending {
  readonly key?: string;
  readonly signal?: AbortSignal;
  /** Called when the world has committed and has not answered yet. */
  readonly onCommitted?: () => void;
}

/** What an action's code has of the outside world (see flaky-world.ts). Plain node:http: it starts fast. */
export function flakyWorldClient(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  function call<Answer>(method: string, path: string, body: unknown, sending: Sending): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", ...(sending.key && { "idempotency-key": sending.key }) };
      const sent = request({
        port,
        host: "127.0.0.1",
        agent,
        method,
        path,
        headers,
        ...(sending.signal && { signal: sending.signal }),
      });
      sent.on("error", reject);
      sent.on("information", () => {
        try {
          sending.onCommitted?.();
        } catch (error) {
          reject(error); // an error of ours between the commit and the reply: the reply is never read
        }
      });
      sent.on("response", async (response) => {
        try {
          const answer = (await bodyOf(response)) as Answer;
          const status = response.statusCode ?? 0;
          if (status === 200) resolve(answer);
          else reject(Object.assign(new Error(`the world answered ${status}`), { status, ...answer }));
        } catch (error) {
          reject(error);
        }
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    send: (reference: string, amount: number, sending: Sending = {}) =>
      call<Effect>("POST", "/effects", { reference, amount }, sending),
    lookUp: async (reference: string): Promise<Effect | null> => {
      try {
        return await call<Effect>("GET", `/effects/${encodeURIComponent(reference)}`, undefined, {});
      } catch (error) {
        if ((error as { status?: number }).status === 404) return null;
        throw error;
      }
    },
  };
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return JSON.parse(text);
}
