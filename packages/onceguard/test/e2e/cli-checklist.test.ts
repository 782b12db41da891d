import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Folder } from "./cli.ts";
import { Terminal } from "./terminal.ts";

const ALL_ROUTES = Object.fromEntries(
  ["operator", "data_owner", "domain_expert", "security"].map((route) => [route, { command: ["./tell.sh"] }]),
);
const PAY = {
  kind: "command",
  name: "pay",
  riskTier: "irreversible",
  version: "2",
  keyFields: ["order"],
  record: "order:{order}",
  serialize: true,
  dedupWindow: { window: "24h", behaviour: "hold" },
  amount: "total.cents",
  downstreamKey: { provider: "stripe", margin: "2h" },
  command: ["./pay.sh", "{order}"],
};
const MAIL = { kind: "command", name: "mail", riskTier: "side_effecting", command: ["./mail.sh"] };

function configured(config: object): Folder {
  const folder = new Folder();
  writeFileSync(folder.file("onceguard.config.json"), JSON.stringify(config));
  return folder;
}

it("answers all five questions of a well configured action: exit 0, without making a store", async () => {
  const folder = configured({
    store: "sqlite:pay.db",
    notify: ALL_ROUTES,
    budgets: { maxActionsPerRun: 50 },
    actions: [PAY],
  });
  const ended = await folder.onceguard("checklist");
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  const lines = [
    "pay  irreversible; effectively once inside the key's lifetime; at most once after it",
    "1  yes     What is the idempotency key of each write, and does the other side honour it (and for how long)?",
    '             = keyFields: ["order"]',
    "           stripe dedupes by it for 24h; it is sent again within 22h.",
    '             = downstreamKey: provider("stripe")',
    '             = retry: { maxAttempts: 5, maxElapsed: "15m" } (the default)',
    '             = dedupWindow: { window: "24h", limit: 1, behaviour: "hold" }',
    "to the data owner. Told by command ./tell.sh.",
    "             = budgets.maxActionsPerRun: 50",
    '"action": "pay"',
    "In sqlite:pay.db (table onceguard_log)",
    "is kept in .onceguard-spill.",
    "\nAll 5 questions are answered.\n",
  ];
  for (const line of lines) expect(ended.stdout).toContain(line);
  expect(folder.exists("pay.db")).toBe(false);
});

it("exits with 1 while a question is open, and says what to add", async () => {
  const folder = configured({ actions: [PAY, MAIL], notify: { operator: { command: ["x"] } } });
  const ended = await folder.onceguard("checklist");
  expect(ended).toMatchObject({ code: 1, stderr: "" });
  expect(ended.stdout).toContain("1  unknown What is the idempotency key");
  expect(ended.stdout).toContain('             add keyFields: ["..."], the fields that name the intended effect');
  expect(ended.stdout).toContain("3  no      What window");
  expect(ended.stdout).toContain('             add record: (payload) => "...", and dedupWindow: "24h"');
  expect(ended.stdout).toContain("             add notify: { security: {");
  expect(ended.stdout).toMatch(/\n6 of 10 questions are answered\. Open: pay \(4\), mail \(1, 3, 4\)\.\n$/);
  expect((await folder.onceguard("checklist", "pay")).stdout).toMatch(
    /\n4 of 5 questions are answered\. Open: pay \(4\)\.\n$/,
  );

  const json = await folder.onceguard("checklist", "mail", "--json");
  expect(json.code).toBe(1);
  expect(json.json()).toMatchObject({
    ok: false,
    unanswered: [1, 3, 4].map((number) => ({ action: "mail", number })),
    actions: [
      {
        action: "mail",
        risk_tier: "side_effecting",
        questions: [
          { number: 1, answer: "unknown", points: [{ answer: "unknown", by: null }, { answer: "yes" }] },
          {},
          {},
          {},
          {},
        ],
      },
    ],
  });
});

it("what init writes answers all but whom to tell", async () => {
  const folder = new Folder();
  await folder.onceguard("init");
  expect((await folder.onceguard("checklist")).stdout).toMatch(/Open: refund_payment \(4\)\.\n$/);
});

it("a store that forgets leaves the fifth question open", async () => {
  const folder = new Folder();
  const text = `import { defineAction } from "onceguard"; import { memoryStore } from "onceguard/memory";
    import { callbackNotifier } from "onceguard/notify"; import { provider } from "onceguard/providers";
    const operator = callbackNotifier(() => {}, { name: "chat" });
    const pay = defineAction({ name: "pay", riskTier: "side_effecting", key: (p) => [p.id], dedupWindow: "none", execute: () => null,
      downstreamKey: provider("stripe"), probe: () => ({ answer: "cannot_tell" }) });
    export default { store: memoryStore(), actions: [pay], spill: false, notify: { operator, data_owner: operator, domain_expert: operator, security: [operator] } };`;
  writeFileSync(folder.file("onceguard.config.js"), text);
  const ended = await folder.onceguard("checklist");
  expect(ended.stderr).toBe("");
  expect(ended.stdout).toContain("5  no      What does a complete");
  expect(ended.stdout).toContain("Told by callback chat.");
  expect(ended.stdout).toMatch(/Open: pay \(5\)\.\n$/);
});

it.each([
  ["no such action", { actions: [PAY] }, ["checklist", "nope"], 'has no action "nope". Known: pay.'],
  ["no actions", { actions: [] }, ["checklist"], "has no actions that could be asked about"],
  [
    "a config that is named and not there",
    {},
    ["checklist", "--config", "x.json"],
    "x.json cannot be used: it does not exist",
  ],
])("%s: exit 2", async (_, config, args, message) => {
  const ended = await configured(config).onceguard(...args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(message);
});

it.each([80, 120])("keeps to a terminal of %i columns, in colour", async (columns) => {
  const folder = configured({ actions: [PAY, MAIL] });
  const terminal = new Terminal(folder, ["checklist"], { columns });
  expect(await terminal.ends()).toBe(1);
  const longest = Math.max(
    ...terminal.screen
      .split("\n")
      .slice(0, -2)
      .map((line) => line.length),
  );
  expect(longest).toBeLessThanOrEqual(columns);
  expect(longest).toBeGreaterThan(columns - 20);
  expect(terminal.raw).toContain("\u001b[31mno");
  const plain = new Terminal(folder, ["checklist"], { columns, env: { NO_COLOR: "1" } });
  await plain.ends();
  expect(plain.raw).not.toContain("\u001b[31m");
});
