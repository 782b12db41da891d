import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { anthropicMessages } from "./anthropic-messages.ts";
import { openaiResponses } from "./openai-responses.ts";
import type { Dialect, Move, SeenResult, Step, Utterance } from "./script.ts";

/** A model that does what a script says, in place of one that decides. Everything else in these tests is the real thing. */
export interface ScriptedModel {
  /** Without a path: a host adds its own. */
  readonly url: string;
  /** The next steps, after those that are left. */
  follow(...steps: Step[]): void;
  /** Every tool result that the host has handed over, in the order in which it first came. */
  readonly results: readonly SeenResult[];
  /** The conversation's requests as they came: what a host tells its model. */
  readonly requests: readonly unknown[];
  /** How many steps were not taken. */
  left(): number;
  close(): Promise<void>;
}

const DIALECTS: readonly Dialect[] = [anthropicMessages, openaiResponses];

export async function startModel(): Promise<ScriptedModel> {
  const steps: Step[] = [];
  const results: SeenResult[] = [];
  const requests: unknown[] = [];
  const calledTool = new Map<string, string>();

  /** What is new since the last step: a host sends the whole conversation every time. */
  function takeResults(dialect: Dialect, body: never): SeenResult[] {
    const known = new Set(results.map(({ callId }) => callId));
    const fresh = dialect
      .resultsIn(body)
      .filter(({ callId }) => !known.has(callId))
      .map((result) => ({ ...result, tool: calledTool.get(result.callId) ?? "" }));
    results.push(...fresh);
    return fresh;
  }

  function nextMove(last: readonly SeenResult[]): Utterance {
    const step = steps.shift() ?? { say: "The script is over." };
    const move: Move = typeof step === "function" ? step(last) : step;
    if ("say" in move) return { calls: [], text: move.say };
    const calls = move.calls.map((call) => ({ ...call, id: `call_${randomBytes(9).toString("hex")}` }));
    for (const { id, tool } of calls) calledTool.set(id, tool);
    return { calls, text: "" };
  }

  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const path = new URL(request.url ?? "/", "http://model").pathname;
    const dialect = DIALECTS.find((one) => one.path === path);
    if (dialect === undefined || request.method !== "POST") {
      response.writeHead(404, { "content-type": "application/json" }).end('{"error":{"message":"not in the script"}}');
      return;
    }
    const body = JSON.parse(text) as never;
    if (!dialect.isConversation(body)) return stream(response, dialect.answer({ calls: [], text: "ok" }));
    requests.push(body);
    stream(response, dialect.answer(nextMove(takeResults(dialect, body))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,

    follow: (...more) => void steps.push(...more),
    results,
    requests,
    left: () => steps.length,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function stream(response: ServerResponse, events: readonly { readonly type: string }[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}
