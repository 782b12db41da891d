/** Plain enough to be read as documentation; `onceguard init` writes it, and a test runs it. */
export const CONFIG_TEMPLATE = `import { defineConfig } from "onceguard";
import { refund } from "./actions/refund.ts";

export default defineConfig({
  // Where receipts are kept. One machine: a SQLite file. Many machines: "postgres://user@host/database" (npm install pg).
  // --store and ONCEGUARD_STORE come first; keep passwords there, or write "\${DATABASE_URL}" here.
  store: "sqlite:onceguard.db",

  // What may be executed by name, and what \`onceguard reconcile\` can settle after a crash.
  actions: [refund],

  // Deterministic rules, asked before anything is claimed and again before every retry.
  // policy: ({ action, actor }) =>
  //   action === "refund_payment" && actor === null
  //     ? { verdict: "deny", reason: "a refund needs somebody who asked for it" }
  //     : { verdict: "allow" },
});
`;

export const REFUND_TEMPLATE = `import { appendFile, readFile } from "node:fs/promises";
import { defineAction, type Schema } from "onceguard";

interface Refund {
  orderId: string;
  /** In cents. */
  amount: number;
  note?: string;
}

// What is validated is what is hashed and executed. Any Standard Schema does: zod, valibot, arktype, or by hand.
const RefundInput: Schema<Refund, Refund> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate: (value) => {
      const refund = value as Refund;
      return typeof refund?.orderId === "string" && Number.isSafeInteger(refund.amount) && refund.amount > 0
        ? { value: refund }
        : { issues: [{ message: "a refund has an orderId and a whole, positive amount" }] };
    },
  },
};

export const refund = defineAction({
  name: "refund_payment",
  // safe: may repeat. side_effecting: email, ticket, order. irreversible: payment, delete, trade.
  riskTier: "irreversible",
  input: RefundInput,

  // The identity of the intended effect: never prose, never a time, never the id of a tool call.
  keyFields: ["orderId", "amount"],
  // Prose: a model words it differently every time, and it is still the same refund.
  volatile: ["note"],
  // The business record touched: for the log, and to find everything that touched it.
  record: (payload) => \`order:\${payload.orderId}\`,

  // The one effect. Pass the idempotency key on wherever the other side takes one.
  execute: (payload, { idempotencyKey }) => payments.refund(payload, idempotencyKey),

  // After a crash or a lost response: did it happen? Read-only. Without it, a person decides.
  probe: async (_payload, { idempotencyKey }) => {
    const found = await payments.find(idempotencyKey);
    return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
  },
  // If your provider dedupes by key, say for how long, and a re-send after a crash is safe:
  // downstreamKey: { lifetime: "24h" },
});

// Stands in for your payment provider: a ledger in a file.
const LEDGER = new URL("../refunds.jsonl", import.meta.url);
const payments = {
  async refund({ orderId, amount }: Refund, key: string) {
    const made = { refundId: \`re_\${key}\`, orderId, amount };
    await appendFile(LEDGER, \`\${JSON.stringify({ key, made })}\\n\`);
    return made;
  },
  async find(key: string) {
    const lines = (await readFile(LEDGER, "utf8").catch(() => "")).split("\\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line)).find((line) => line.key === key)?.made;
  },
};
`;
