/** Plain enough to be read as documentation; `onceguard init` writes it, and a test runs it. */
export const CONFIG_TEMPLATE = `import { defineConfig } from "onceguard";
import { refund } from "./actions/refund.ts";

export default defineConfig({
  // Where receipts are kept. One machine: a SQLite file. Many machines: "postgres://user@host/database" (npm install pg).
  // --store and ONCEGUARD_STORE come first; keep passwords there, or write "\${DATABASE_URL}" here.
  store: "sqlite:onceguard.db",

  // What may be executed by name, and what \`onceguard reconcile\` can settle after a crash.
  actions: [refund],

  // Asked before anything is claimed, and again before anything runs again. "review": a person has to approve first.
  // rules: [{ action: "refund_payment", amountOver: 100_00, verdict: "review", reason: "over 100 a person looks" }],
  // policy: ({ action, actor }) =>
  //   action === "refund_payment" && actor === null
  //     ? { verdict: "deny", reason: "a refund needs somebody who asked for it" }
  //     : { verdict: "allow" },

  // Limits that halt a run that has gone wild.
  // budgets: { maxActionsPerRun: 50, maxRepeatsPerRecord: 3 },

  // Who is told what waits for a person; also data_owner, domain_expert and security.
  // notify: { operator: { webhook: "https://ops.example/hooks", secret: "\${ONCEGUARD_WEBHOOK_SECRET}" } },
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
  // What it is worth, in cents: for rules and budgets.
  amount: (payload) => payload.amount,
  // Two refunds on one order are both meant. "24h" would skip the second within a day, whatever its amount.
  dedupWindow: "none",

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
