import { Agent, request } from "node:http";
import { defineAction } from "onceguard";
import { z } from "zod";

/** The action that went wrong: it gives a shipment another priority. What it read before is what its undo puts back. */
export const flagShipment = defineAction({
  name: "flag_shipment",
  riskTier: "side_effecting",
  input: z.object({ id: z.string(), priority: z.string() }),
  keyFields: ["id", "priority"],
  record: ({ id }) => `shipment:${id}`,
  before: ({ id }) => call<Shipment>("GET", id),
  execute: ({ id, priority }) => call("PUT", id, { priority }, "agent"),
  compensate: ({ id }, { before }) => call("PUT", id, { priority: before.priority }, "correction"),
  settleDelay: "100ms", // a write of a process that was killed may still be on its way
});

export interface Shipment {
  readonly priority: string;
  readonly carrier: string;
}

/** Connections are kept: this is about ten thousand of them. */
const agent = new Agent({ keepAlive: true, maxSockets: 32 });

export function call<Answer>(method: "GET" | "PUT", id: string, body?: object, by = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${process.env.SHIPMENTS_URL}/${id}`, { method, agent, headers: { By: by } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve(JSON.parse(text)));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body && JSON.stringify(body));
  });
}
