import type { Catalogue, CompiledSink } from "../catalogue/catalogue.ts";
import { segmentMatches } from "../catalogue/pattern.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Value } from "../values/value.ts";
import type { Boundary } from "./boundary.ts";
import { toPhone } from "./provider-details.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";

/** Verbs of the AWS API that change something, for the services that the catalogue does not list. */
const WRITES =
  /^(?:Create|Put|Delete|Update|Send|Start|Run|Publish|Terminate|Invoke|Register|Deregister|Add|Remove|Attach|Detach|Modify|Stop|Reboot|Copy|Restore|Import|Execute|Set|Tag|Untag|Enable|Disable|Associate|Disassociate|Allocate|Release|Transact|Cancel|Complete|Upload|Abort|Purge|Admin(?!Get|List)|SignUp|Rotate|Schedule|Submit|Write|Replace|Provision|Purchase|Accept|Reject|Grant|Revoke|BatchWrite|BatchPut|BatchDelete|BatchCreate|BatchUpdate|Retry|Activate|Deactivate|Promote|Rebuild|Reset)[A-Z]|^Publish$/;
const NATURAL =
  /^(?:Put|Delete|Update|Deregister|Remove|Attach|Detach|Modify|Stop|Terminate|Set|Tag|Untag|Enable|Disable|Associate|Disassociate|Release|Cancel|Complete|Abort|Purge|Revoke|Reject|Accept|Activate|Deactivate|BatchDelete)[A-Z]/;
/** These ask, whatever their verb says; logs and metrics are no effect that anyone minds twice. */
const ASKS = /^(?:StartQuery|ExecuteStatement|BatchExecuteStatement|PutMetricData|PutLogEvents|StartTranscription)/;

/** `client.send(new XCommand())`, and `client.x()` of the clients that have every operation as a method. */
export function awsCommand(evaluator: Evaluator, catalogue: Catalogue, call: CallFact): Boundary | null {
  const { callee } = call;
  if (callee.k !== "member") return null;
  const first = call.args[0];
  if (callee.p === "send" && first)
    for (const { pkg, name } of commandsOf(evaluator, first)) {
      const found = boundaryFor(catalogue, call, pkg, name);
      if (found) return toPhone(evaluator, found);
    }
  return null;
}

/** Clients of the second version that are not named as the package of their commands is in the third. */
const RENAMED: Record<string, string> = {
  DocumentClient: "@aws-sdk/lib-dynamodb",
  StepFunctions: "@aws-sdk/client-sfn",
  CloudWatchEvents: "@aws-sdk/client-eventbridge",
};
/** Their methods that are no command of the third. */
const COMMANDS: Record<string, string> = { upload: "PutObject" };

/** `new AWS.SNS().publish()`: the second version has every command as a method. */
function oldClient(pkg: string, path: readonly string[]): { pkg: string; method: string } | null {
  const made = path.lastIndexOf("new");
  if (!/^aws-sdk(?:\/|$)/.test(pkg) || made === -1 || made !== path.length - 2) return null;
  const named = path[made - 1];
  const service = named && named !== "default" ? named : (pkg.split("/").at(-1) ?? "");
  const client = RENAMED[service] ?? `@aws-sdk/client-${service.toLowerCase()}`;
  return { pkg: client, method: path.at(-1) ?? "" };
}

/** `new S3().putObject()`. */
export function awsMethod(
  evaluator: Evaluator,
  catalogue: Catalogue,
  call: CallFact,
  { pkg, path }: Extract<Value, { k: "ext" }>,
): Boundary | null {
  const old = oldClient(pkg, path);
  const method = old?.method ?? path.at(-1) ?? "";
  if (!old && (!pkg.startsWith("@aws-sdk/client-") || path.at(-2) !== "new" || method === "send")) return null;
  const name = COMMANDS[method] ?? `${method.charAt(0).toUpperCase()}${method.slice(1)}`;
  const found = boundaryFor(catalogue, call, old?.pkg ?? pkg, `${name}Command`);
  return found && toPhone(evaluator, found);
}

/** The AWS command classes an argument may be: the package of the command tells more than that of the client. */
function commandsOf(evaluator: Evaluator, expr: Expr): { pkg: string; name: string }[] {
  return evaluator
    .of(expr)
    .flatMap((one) =>
      one.k === "ext" && one.pkg.startsWith("@aws-sdk/") && one.path.at(-1) === "new"
        ? [{ pkg: one.pkg, name: one.path.at(-2) ?? "" }]
        : [],
    );
}

function boundaryFor(catalogue: Catalogue, call: CallFact, pkg: string, name: string): Boundary | null {
  const means = (patterns: CompiledSink["write"]) =>
    patterns.some((one) => one.condition?.kind === "command" && segmentMatches(one.condition.name, name));
  for (const compiled of catalogue.of(pkg)) {
    if (means(compiled.read)) return null;
    if (means(compiled.write))
      return sdkBoundaryOf(compiled.sink, call, `send(${name})`, { natural: means(compiled.natural), made: null });
  }
  const general = catalogue.sinks.find((one) => one.sink.id === "aws");
  const verb = name.replace(/Command$/, "");
  if (!general || !WRITES.test(verb) || ASKS.test(verb) || pkg.startsWith("@aws-sdk/client-bedrock")) return null;
  return sdkBoundaryOf(general.sink, call, `send(${name})`, { natural: NATURAL.test(verb), made: null });
}
