import { defineAction, type Schema } from "../../packages/onceguard/src/core/action.ts";
import { checkBudgets } from "../../packages/onceguard/src/core/budget.ts";
import {
  type ActionChecklist,
  type ChecklistPoint,
  checklist,
  QUESTIONS,
} from "../../packages/onceguard/src/core/checklist.ts";
import { provider } from "../../packages/onceguard/src/core/provider.ts";

const Anything: Schema<unknown, { readonly orderId: string; readonly amount: number }> = {
  "~standard": {
    version: 1,
    vendor: "docs",
    validate: (value) => ({ value: value as { orderId: string; amount: number } }),
  },
};

/** What the code says of an action of which nothing is said. */
function bare(): ActionChecklist {
  const action = defineAction({ name: "send_mail", riskTier: "side_effecting", execute: () => "sent" });
  return checklist(action, {
    store: { name: "memory", durable: false, log: "memory" },
    notified: {},
    budgets: checkBudgets({}),
    spill: null,
  });
}

/** And of one of which everything is. */
function full(): ActionChecklist {
  const action = defineAction({
    name: "refund_payment",
    riskTier: "irreversible",
    input: Anything,
    record: ({ orderId }) => `order:${orderId}`,
    keyFields: ["orderId", "amount"],
    dedupWindow: "none",
    downstreamKey: provider("stripe"),
    probe: () => ({ answer: "cannot_tell" }),
    before: () => null,
    after: () => null,
    execute: () => "refunded",
  });
  return checklist(action, {
    store: { name: "postgres", durable: true, log: "table onceguard.log" },
    notified: { operator: ["webhook"], data_owner: ["webhook"], domain_expert: ["webhook"], security: ["pager"] },
    budgets: checkBudgets({ maxRepeatsPerRecord: 3 }),
    spill: "/var/lib/onceguard/spill",
  });
}

/** The five questions, each with what the checklist answers for the two. */
export function checklistQuestions(): string {
  const lists = [bare(), full()];
  return QUESTIONS.map((question, n) => {
    const rows = lists.flatMap((list) => {
      const { answer, points } = list.items[n] as ActionChecklist["items"][number];
      return points.map(
        (point, k) =>
          `| ${k === 0 ? `\`${list.action}\`: **${answer}**` : ""} | ${words(point.found)} | ${config(point)} |`,
      );
    });
    return [`### ${n + 1}. ${question}`, "", "| | found | configuration |", "|---|---|---|", ...rows, ""].join("\n");
  }).join("\n");
}

function config({ by, add }: ChecklistPoint): string {
  const parts = [...(by === null ? [] : [`\`${cell(by)}\``]), ...(add === null ? [] : [`add ${addition(add)}`])];
  return parts.join("; ");
}

/** What to add is code, with words behind it now and then. */
function addition(add: string): string {
  return /^[a-zA-Z.]+:/.test(add) ? `\`${cell(add)}\`` : cell(add);
}

/** The example of a log entry is JSON. */
function words(found: string): string {
  return found.startsWith("{") ? `\`${cell(found)}\`` : cell(found);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
