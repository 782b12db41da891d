import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The findings of a file: `DUP009 critical`. */
function found(source: string, more: Record<string, string> = {}): string[] {
  return runAudit(temporaryFolder({ "src/a.ts": source, ...more })).report.findings.map(
    (one) => `${one.rule} ${one.severity}`,
  );
}

const job = (imports: string, body: string) =>
  `import { Worker } from "bullmq";\n${imports}\nnew Worker("a", async (job) => {\n  ${body}\n});\n`;
const STRIPE = 'import Stripe from "stripe";\nconst stripe = new Stripe("k");';

describe("how much a finding weighs", () => {
  it.each([
    ["charges.create({ amount: 1, currency: 'eur' })", ["DUP009 critical"]],
    ["invoiceItems.create({ customer: 'c' })", ["DUP009 high"]],
    // A price list may have two of the same.
    ["prices.create({ currency: 'eur' })", ["DUP009 medium"]],
  ])("a record is no payment: %s", (call, expected) => {
    expect(found(job(STRIPE, `await stripe.${call};`))).toEqual(expected);
  });

  it("a key that is new each time does not matter to what comes out the same", () => {
    const keyed = (call: string) =>
      found(job(`${STRIPE}\nimport { randomUUID } from "node:crypto";`, `await stripe.${call};`));
    expect(keyed("charges.create({ amount: 1 }, { idempotencyKey: randomUUID() })")).toEqual(["DUP002 critical"]);
    expect(keyed("invoices.voidInvoice('i', {}, { idempotencyKey: randomUUID() })")).toEqual(["DUP002 low"]);
  });

  it("a schedule may say again what still holds, and not send mails again", () => {
    const cron = (imports: string, body: string) =>
      found(`import cron from "node-cron";\n${imports}\ncron.schedule("* * * * *", async () => {\n  ${body}\n});\n`);
    expect(
      cron(
        'import { IncomingWebhook } from "@slack/webhook";\nconst slack = new IncomingWebhook("u");',
        'await slack.send({ text: "down" });',
      ),
    ).toEqual(["DUP001 medium"]);
    expect(
      cron(
        'import { Resend } from "resend";\nconst resend = new Resend("k");',
        'await resend.emails.send({ to: "a" });',
      ),
    ).toEqual(["DUP001 high"]);
  });

  it("a phone rings, and a topic hands on", () => {
    const sns = (input: string) =>
      found(
        job('import { SNS } from "@aws-sdk/client-sns";\nconst sns = new SNS({});', `await sns.publish(${input});`),
      );
    expect(sns('{ TopicArn: "t", Message: "m" }')).toEqual(["DUP009 medium"]);
    expect(sns('{ PhoneNumber: "1", Message: "m" }')).toEqual(["DUP009 critical"]);
  });

  it("a chat message that only its client sends again is small", () => {
    const rest =
      'import { REST } from "discord.js";\nconst rest = new REST();\nexport const say = () => rest.post("/channels/1/messages", { body: { content: "a" } });\n';
    expect(found(rest)).toEqual(["DUP007 medium"]);
  });

  it("a way of many calls is less sure", () => {
    const far = (hops: number) => {
      const steps = Array.from({ length: hops }, (_, at) => `const f${at} = () => f${at + 1}();`).join("\n");
      return found(
        `import { Worker } from "bullmq";\n${STRIPE}\n${steps}\nconst f${hops} = () => stripe.charges.create({ amount: 1 });\nnew Worker("a", async () => {\n  await f0();\n});\n`,
      );
    };
    expect(far(3)).toEqual(["DUP009 critical"]);
    expect(far(14)).toEqual(["DUP009 high"]);
  });

  it("a caller that leaves a key out weighs as much as what repeats that caller", () => {
    const files = {
      "src/send.ts":
        'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const send = (to: string, key?: string) => resend.emails.send({ to }, { idempotencyKey: key });\n',
      "src/action.ts":
        '"use server";\nimport { send } from "./send";\nexport async function remind(to: string) {\n  await send(to);\n}\n',
    };
    const keyed = job('import { send } from "./send";', "await send(job.data.to, job.id);");
    const bare = job('import { send } from "./send";', "await send(job.data.to);");
    expect(found(keyed, files)).toEqual(["DUP006 medium"]);
    expect(found(bare, files).sort()).toEqual(["DUP006 critical", "DUP006 medium"]);
  });

  it("two effects of which only one happens are no unit", () => {
    const twice = (first: string) =>
      found(
        job(
          'import nodemailer from "nodemailer";\nimport { Resend } from "resend";\nconst resend = new Resend("k");\nconst smtp = nodemailer.createTransport({});',
          `if (process.env.SMTP) {\n    ${first}\n  }\n  await resend.emails.send({ to: "a" });`,
        ),
      ).filter((one) => one.startsWith("DUP013"));
    const send = 'await smtp.sendMail({ to: "a" });';
    expect(twice(`try {\n      ${send}\n      return 1;\n    } catch {\n      return null;\n    }`)).toEqual([]);
    expect(twice(`try {\n      ${send}\n      return 1;\n    } catch {\n      console.log("failed");\n    }`)).toEqual([
      "DUP013 high",
    ]);
  });
});
