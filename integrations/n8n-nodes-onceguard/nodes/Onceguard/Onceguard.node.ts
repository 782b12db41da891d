import {
  type IDataObject,
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  type JsonObject,
  NodeApiError,
  NodeConnectionTypes,
  NodeOperationError,
} from "n8n-workflow";
import { answerOf, type Given, type Operation, OUTPUTS, REVIEW, requestOf } from "./wire";

export class Onceguard implements INodeType {
  description: INodeTypeDescription = {
    displayName: "Onceguard",
    name: "onceguard",
    icon: { light: "file:../../icons/onceguard.svg", dark: "file:../../icons/onceguard.dark.svg" },
    group: ["transform"],
    version: 1,
    subtitle: '={{$parameter["operation"]}}',
    description: "Make an effect happen once, however often the workflow or an agent asks for it",
    defaults: { name: "Onceguard" },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [
      { type: NodeConnectionTypes.Main, displayName: "Executed" },
      { type: NodeConnectionTypes.Main, displayName: "Replayed" },
      { type: NodeConnectionTypes.Main, displayName: "In Progress" },
      { type: NodeConnectionTypes.Main, displayName: "Review" },
    ],
    credentials: [{ name: "onceguardApi", required: true }],
    properties: [
      {
        displayName: "Operation",
        name: "operation",
        type: "options",
        noDataExpression: true,
        options: [
          {
            name: "Check",
            value: "check",
            action: "Check what became of a request",
            description: "Ask for the receipt of a request; never executes anything",
          },
          {
            name: "Execute",
            value: "execute",
            action: "Execute an action once",
            description: "Make the effect of an action happen once; safe to repeat",
          },
          {
            name: "Propose",
            value: "propose",
            action: "Propose an action without executing it",
            description: "Ask whether an action would be executed; what needs approval is put before a person",
          },
          {
            name: "Resolve",
            value: "resolve",
            action: "Resolve what is in doubt or in review",
            description: "Record a person's decision on a request; needs a reviewer's key",
          },
        ],
        default: "execute",
      },
      {
        displayName: "Action",
        name: "action",
        type: "string",
        required: true,
        default: "",
        placeholder: "e.g. refund",
        description: "Name of an action that the service has",
        displayOptions: { show: { operation: ["execute", "propose"] } },
      },
      {
        displayName: "Payload",
        name: "payload",
        type: "json",
        default: "{}",
        description: "The action's input. A repetition has exactly the same.",
        displayOptions: { show: { operation: ["execute", "propose"] } },
      },
      {
        displayName: "Request ID",
        name: "requestId",
        type: "string",
        default: "",
        placeholder: "e.g. refund:order-A1",
        description:
          "Names the intended effect. Not needed where the action has key fields. Never the ID of an execution, a random value or a time: a retry would be another request.",
        displayOptions: { show: { operation: ["execute", "propose"] } },
      },
      {
        displayName: "Request ID",
        name: "requestId",
        type: "string",
        required: true,
        default: "",
        placeholder: "e.g. refund:order-A1",
        description: "The request_id of an earlier answer",
        displayOptions: { show: { operation: ["check", "resolve"] } },
      },
      {
        displayName: "Decision",
        name: "decision",
        type: "options",
        options: [
          { name: "Did Not Happen", value: "did_not_happen", description: "It is over and was not done" },
          { name: "Happened", value: "happened", description: "It was done; repetitions are answered with the result" },
          { name: "Retry", value: "retry", description: "It did not happen; execute it again" },
        ],
        default: "happened",
        displayOptions: { show: { operation: ["resolve"] } },
      },
      {
        displayName: "Reason",
        name: "reason",
        type: "string",
        required: true,
        default: "",
        description: "How the person knows; kept in the log",
        displayOptions: { show: { operation: ["resolve"] } },
      },
      {
        displayName: "Options",
        name: "options",
        type: "collection",
        placeholder: "Add option",
        default: {},
        displayOptions: { show: { operation: ["execute", "propose"] } },
        options: [
          {
            displayName: "Record ID",
            name: "recordId",
            type: "string",
            default: "",
            description: "A check only: refused when the action touches another record",
          },
          {
            displayName: "Run ID",
            name: "runId",
            type: "string",
            default: "",
            description: "Groups requests so that people can stop all of them at once",
          },
          {
            displayName: "Wait (Ms)",
            name: "waitMs",
            type: "number",
            typeOptions: { minValue: 0, maxValue: 55000 },
            default: 10000,
            description: "Longest wait while another caller executes the same, or for a retry",
            displayOptions: { show: { "/operation": ["execute"] } },
          },
        ],
      },
      {
        displayName: "Options",
        name: "options",
        type: "collection",
        placeholder: "Add option",
        default: {},
        displayOptions: { show: { operation: ["resolve"] } },
        options: [
          {
            displayName: "Expected Version",
            name: "expectedVersion",
            type: "number",
            typeOptions: { minValue: 1 },
            default: 1,
            description: "Version of the receipt that the decision was made on; refused when it has moved since",
          },
          {
            displayName: "Result",
            name: "result",
            type: "json",
            default: "{}",
            description: "With Happened: what repetitions are answered with",
          },
        ],
      },
    ],
  };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const outputs: INodeExecutionData[][] = OUTPUTS.map(() => []);
    // An agent is told the first output only; it reads the status there.
    const isTool = isUsedAsTool(this);
    const put = (output: number, item: INodeExecutionData) => outputs[isTool ? 0 : output]?.push(item);
    for (let index = 0; index < this.getInputData().length; index++) {
      const said = await ask(this, index, isTool);
      if ("json" in said) {
        put(said.output, { json: said.json, pairedItem: { item: index } });
        continue;
      }
      const { error, problem } = said;
      if (!this.continueOnFail()) throw error;
      // Never among what is done.
      const json = { ...problem, error: error.message, description: error.description ?? null };
      put(REVIEW, { json, error, pairedItem: { item: index } });
    }
    return outputs;
  }
}

type Said =
  | { readonly output: number; readonly json: IDataObject }
  | { readonly error: NodeApiError | NodeOperationError; readonly problem: IDataObject };

async function ask(context: IExecuteFunctions, itemIndex: number, isTool: boolean): Promise<Said> {
  const refused = (message: string, description: string): Said => ({
    error: new NodeOperationError(context.getNode(), message, { itemIndex, description }),
    problem: { status: "not_sent", code: "not_sent" },
  });
  const operation = context.getNodeParameter("operation", itemIndex) as Operation;
  if (isTool && operation === "resolve") {
    return refused("Resolve is not for agents", "Whoever acts must not be able to settle its own doubts.");
  }
  let given: Given;
  try {
    given = givenFor(context, operation, itemIndex);
  } catch (error) {
    return refused((error as Error).message, "Nothing was sent.");
  }
  const { baseUrl } = await context.getCredentials<{ baseUrl: string }>("onceguardApi", itemIndex);
  const { method, path, body } = requestOf(operation, given);
  let response: { statusCode: number; body: unknown };
  try {
    response = await context.helpers.httpRequestWithAuthentication.call(context, "onceguardApi", {
      method,
      url: `${baseUrl.replace(/\/+$/, "")}${path}`,
      ...(body && { body }),
      json: true,
      returnFullResponse: true,
      ignoreHttpStatusErrors: true,
      // The key goes to this address and to no other.
      disableFollowRedirect: true,
    });
  } catch (error) {
    const description =
      method === "GET"
        ? "Ask again later."
        : "It may have happened all the same. Run it again with the same item: it is not done twice.";
    const message = "The Onceguard service did not answer";
    const known = new NodeApiError(context.getNode(), error as JsonObject, { message, description, itemIndex });
    return { error: known, problem: { status: "no_answer", code: "no_answer" } };
  }
  const answer = answerOf(response.statusCode, response.body);
  if ("json" in answer) return answer;
  const { problem, message, description } = answer;
  const httpCode = String(response.statusCode);
  const known = new NodeApiError(context.getNode(), problem as JsonObject, {
    message,
    description,
    httpCode,
    itemIndex,
  });
  return { error: known, problem };
}

function givenFor(context: IExecuteFunctions, operation: Operation, itemIndex: number): Given {
  const text = (name: string) => String(context.getNodeParameter(name, itemIndex, "")).trim();
  const isCall = operation === "execute" || operation === "propose";
  const options = context.getNodeParameter("options", itemIndex, {}) as IDataObject;
  const requestId = text("requestId");
  if (!isCall && requestId === "")
    throw new NodeOperationError(context.getNode(), "A request ID is needed", { itemIndex });
  return {
    action: isCall ? text("action") : "",
    payload: isCall ? parsed(context, "payload", context.getNodeParameter("payload", itemIndex, {})) : {},
    requestId,
    decision: isCall ? "" : text("decision"),
    reason: isCall ? "" : text("reason"),
    options:
      options.result === undefined
        ? options
        : { ...options, result: parsed(context, "result", options.result) as IDataObject },
  };
}

/** JSON fields hold text when they were typed in, and values when they come from an expression. */
function parsed(context: IExecuteFunctions, name: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new NodeOperationError(context.getNode(), `The ${name} is not JSON`);
  }
}

function isUsedAsTool(context: IExecuteFunctions): boolean {
  // Newer versions of n8n say so; the others give the node's type another ending.
  return context.isToolExecution?.() === true || context.getNode().type.endsWith("Tool");
}
