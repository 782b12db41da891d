import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The retry families that reach each boundary, by file. */
function families(files: Record<string, string>): Record<string, string[]> {
  const { report } = runAudit(temporaryFolder(files));
  const found: Record<string, string[]> = {};
  for (const one of report.boundaries) {
    const all = [...(found[one.place.path] ?? []), ...one.paths.map((path) => path.family)];
    found[one.place.path] = [...new Set(all)].sort();
  }
  return found;
}

const MAIL =
  'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const send = (to: string) => resend.emails.send({ from: "a@example.com", to, subject: "", text: "" });\n';

describe("ways from a retry to an effect", () => {
  it("leads over a URL to its route, and over a task to its run", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "app/api/mails/[id]/route.ts":
        'import { send } from "../../../../lib/mail";\nexport async function POST() {\n  await send("a");\n}\n',
      "tasks.ts":
        'import { task } from "@trigger.dev/sdk/v3";\nexport const remind = task({ id: "remind", run: async (payload: { id: string }) => {\n  await fetch(process.env.URL + "/api/mails/" + payload.id, { method: "POST" });\n} });\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["entry:http-route", "job:trigger.dev"]);
  });

  it("knows receivers by a helper that verifies, and handlers that are passed to one", () => {
    const verify =
      'import { Receiver } from "@upstash/qstash";\nconst receiver = new Receiver({});\nexport async function verify(body: string) {\n  await receiver.verify({ body, signature: "" });\n}\n';
    const found = families({
      "lib/mail.ts": MAIL,
      "lib/verify.ts": verify,
      "app/api/jobs/route.ts":
        'import { send } from "../../../lib/mail";\nimport { verify } from "../../../lib/verify";\nexport async function POST(request: Request) {\n  await verify(await request.text());\n  await send("a");\n}\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["queue:qstash"]);
  });

  it("goes through methods that are named `call`, and tables of jobs", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "lib/service.ts":
        'import { send } from "./mail";\nexport class Alert {\n  async call(to: string) {\n    await send(to);\n  }\n}\n',
      "worker.ts":
        'import { Alert } from "./lib/service";\nexport const worker = new Worker({ catalog: { alert: { retry: { maxAttempts: 3 } } }, jobs: { alert: async ({ payload }) => {\n  await new Alert().call(payload.to);\n} } });\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["job:redis-worker"]);
  });

  it("does not follow a helper to its other callers", () => {
    const found = families({
      "lib/retry.ts":
        "export async function retry<T>(work: () => Promise<T>): Promise<T> {\n  for (let attempt = 0; attempt < 3; attempt++) {\n    try {\n      return await work();\n    } catch {}\n  }\n  throw new Error();\n}\n",
      "lib/mail.ts": MAIL,
      "a.ts":
        'import { Worker } from "bullmq";\nimport { retry } from "./lib/retry";\nnew Worker("a", async () => retry(async () => 1));\n',
      "b.ts":
        'import { retry } from "./lib/retry";\nimport { send } from "./lib/mail";\nexport const b = () => retry(() => send("b"));\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["loop:handwritten"]);
  });

  it("does not take the host of somebody else for a route of its own", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "app/orders/route.ts":
        'import { send } from "../../lib/mail";\nexport async function POST() {\n  await send("a");\n}\n',
      "job.ts":
        'import { Worker } from "bullmq";\nnew Worker("a", async () => {\n  await fetch("https://supplier.example.com/orders", { method: "POST" });\n});\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["entry:http-route"]);
  });
});
