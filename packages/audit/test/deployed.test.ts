import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const MAIL =
  'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const send = (to: string) => resend.emails.send({ from: "", to, subject: "", text: "" });\n';
const HANDLERS =
  'import middy from "@middy/core";\nimport { send } from "./mail";\nexport const work = async () => send("a");\nconst inner = async () => send("b");\nexport const wrapped = middy(inner).use({});\nexport const unused = async () => send("c");\n';

/** What reaches the mail, with its label and its severity. */
function ways(files: Record<string, string>): string[] {
  const { report } = runAudit(temporaryFolder({ "src/mail.ts": MAIL, "src/handlers.ts": HANDLERS, ...files }));
  return report.boundaries
    .flatMap((one) => one.paths.map((path) => `${path.family} ${path.label.replace(/^\S+ /, "")} ${path.weight}`))
    .sort();
}

describe("functions that a template deploys", () => {
  it("reads serverless.yml", () => {
    const template = `service: shop
provider: { name: aws }
functions:
  work:
    handler: src/handlers.work
    events:
      - sqs: { arn: !GetAtt Orders.Arn, batchSize: 10 }
      - schedule: rate(5 minutes)
  asked:
    handler: src/handlers.wrapped
    events: [{ http: { method: post, path: orders } }]
  idle:
    handler: src/handlers.unused
`;
    expect(ways({ "serverless.yml": template })).toEqual([
      "entry:http-route (post orders) 1",
      "lambda:async (work: schedule rate(5 minutes)) 3",
      "queue:sqs-lambda (work: sqs Orders.Arn) 3",
    ]);
  });

  it("reads SAM templates, with their globals and with functions that are wrapped", () => {
    const template = `AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: nodejs22.x, CodeUri: src/ }
Resources:
  Wrapped:
    Type: AWS::Serverless::Function
    Properties:
      Handler: handlers.wrapped
      EventInvokeConfig: { MaximumRetryAttempts: 0 }
      Events:
        Placed: { Type: SNS, Properties: { Topic: !Ref Orders } }
  Built:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: esbuild, BuildProperties: { EntryPoints: [handlers.ts] } }
    Properties:
      Handler: out.work
      Events:
        Rule: { Type: EventBridgeRule, Properties: {} }
  Orders:
    Type: AWS::SNS::Topic
`;
    expect(ways({ "template.yaml": template })).toEqual([
      "event:eventbridge (Built: EventBridgeRule) 3",
      "lambda:async (Wrapped: SNS Orders) 1",
    ]);
  });

  it("takes nothing from other templates", () => {
    expect(ways({ "template.yaml": "functions:\n  - 1\nResources: 7\n", "serverless.yml": "custom: {}\n" })).toEqual(
      [],
    );
    expect(
      ways({ "config/other.yml": "functions:\n  a: { handler: src/handlers.work, events: [{ sqs: x }] }\n" }),
    ).toEqual([]);
  });
});
