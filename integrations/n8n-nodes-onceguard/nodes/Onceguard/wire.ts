import type { IDataObject } from "n8n-workflow";

export type Operation = "execute" | "propose" | "check" | "resolve";

/** The node's outputs, in order. Only what comes out of the first two is done. */
export const OUTPUTS = ["Executed", "Replayed", "In Progress", "Review"] as const;

export const REVIEW = 3;

const OUTPUT_OF: Readonly<Record<string, number>> = { executed: 0, replayed: 1, in_progress: 2, retry_later: 2 };

/** What the service answers with an HTTP error although nothing is wrong: it goes on, or is tried again later. */
const GOES_ON = new Set(["in_progress", "retry_later"]);

export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: IDataObject;
}

/** The values of the node's parameters for one item. */
export interface Given {
  readonly action: string;
  readonly payload: unknown;
  readonly requestId: string;
  readonly decision: string;
  readonly reason: string;
  readonly options: IDataObject;
}

/** One item's operation as a request of the HTTP API. */
export function requestOf(operation: Operation, given: Given): Asked {
  const { requestId, options } = given;
  const id = encodeURIComponent(requestId);
  switch (operation) {
    case "execute":
      return {
        method: "POST",
        path: "/v1/execute",
        body: { ...callOf(given), ...named(options, { waitMs: "wait_ms" }) },
      };
    case "propose":
      return { method: "POST", path: "/v1/proposals", body: callOf(given) };
    case "check":
      return { method: "GET", path: `/v1/receipts/${id}` };
    case "resolve":
      return {
        method: "POST",
        path: `/v1/reviews/${id}/resolve`,
        body: {
          decision: given.decision,
          reason: given.reason,
          ...named(options, { expectedVersion: "expected_version", result: "result" }),
        },
      };
  }
}

function callOf({ action, payload, requestId, options }: Given): IDataObject {
  return {
    action,
    payload: payload as IDataObject,
    ...(requestId !== "" && { request_id: requestId }),
    ...named(options, { recordId: "record_id", runId: "run_id" }),
  };
}

/** The options that were set, under the names of the API. */
function named(options: IDataObject, names: Readonly<Record<string, string>>): IDataObject {
  const set = Object.entries(names).filter(([option]) => options[option] !== undefined && options[option] !== "");
  return Object.fromEntries(set.map(([option, name]) => [name, options[option]]));
}

/** What the service said: an outcome with the output it belongs to, or why it is none. */
export type Answer =
  | { readonly output: number; readonly json: IDataObject }
  | { readonly problem: IDataObject; readonly message: string; readonly description: string };

export function answerOf(httpStatus: number, body: unknown): Answer {
  const document = isObject(body) ? body : null;
  const name = httpStatus < 400 ? document?.status : document?.code;
  if (document !== null && typeof name === "string" && (httpStatus < 300 || GOES_ON.has(name))) {
    const known = name === "known" ? String(document.outcome) : name;
    return { output: OUTPUT_OF[known] ?? REVIEW, json: { ...document, status: name } };
  }
  if (document === null || typeof name !== "string") {
    return {
      problem: { status: "no_onceguard", code: "no_onceguard", http_status: httpStatus },
      message: "This is not the answer of an Onceguard service",
      description: `HTTP status ${httpStatus}. Check the base URL of the credential.`,
    };
  }
  return {
    problem: { ...document, status: name, code: name, http_status: httpStatus },
    message: `${document.title} (${name})`,
    description: [document.detail, document.next]
      .filter((part): part is string => typeof part === "string")
      .map(sentence)
      .join(" "),
  };
}

function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

function isObject(value: unknown): value is IDataObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
