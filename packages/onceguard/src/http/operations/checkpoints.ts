import { prefers } from "../accept.ts";
import type { AnyOperation, Operation, Service } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { problem } from "../problem.ts";
import { answered, TEXT } from "../schemas.ts";
import type { SealedSource } from "../sealed.ts";

const checkpoint: Operation = {
  name: "checkpoint",
  method: "GET",
  path: "/v1/checkpoints",
  tag: "Receipts",
  summary: "The newest signed checkpoint of the sealed log, or an older one by its size.",
  description:
    "With `Accept: text/plain` the signed note itself (C2SP tlog-checkpoint). It is of the whole log, which all tenants share.",
  roles: ["reviewer", "operator", "auditor"],
  query: {
    size: {
      type: "string",
      pattern: "^(0|[1-9]\\d{0,14})$",
      description: "How many entries it is over. Default: the newest one.",
    },
  },
  answers: {
    200: answered(
      {
        origin: TEXT,
        size: { type: "integer", minimum: 0 },
        root: { ...TEXT, description: "In base64." },
        at: { ...TEXT, format: "date-time" },
        checkpoint: { ...TEXT, description: "The signed note, which is what there is to verify." },
      },
      ["origin", "size", "root", "at", "checkpoint"],
    ),
  },
  alsoAsText: true,
  readOnly: true,
  run: async ({ query, request, service }) => {
    const { sealed } = service;
    if (sealed === null) return noSealedLog();
    const found = await asked(() => sealed.checkpoint(query.size === undefined ? undefined : Number(query.size)));
    if (found === null) return noCheckpoint(query.size);
    const { note, origin, size, root, at } = found;
    const headers = { vary: "accept" };
    if (!prefers(request, "text/plain", "application/json")) {
      return jsonResponse({ origin, size, root, at: new Date(at).toISOString(), checkpoint: note }, 200, headers);
    }
    return new Response(note, {
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers },
    });
  },
};

function noCheckpoint(size: string | undefined): Response {
  return problem(
    "no_checkpoint",
    size === undefined ? "Nothing is sealed yet." : `There is no checkpoint over just ${size} entries.`,
  );
}

function noSealedLog(): Response {
  return problem("no_sealed_log", "This service was not given a sealed log: onceguard serve --sealed FOLDER.");
}

/** The bundle of a receipt, or why there is none. */
export async function exported(
  service: Service,
  receiptOf: () => Promise<Parameters<SealedSource["bundle"]>[0] | null>,
  notFound: () => Response,
): Promise<Response> {
  const { sealed } = service;
  if (sealed === null) return noSealedLog();
  const receipt = await receiptOf();
  if (receipt === null) return notFound();
  const bundle = await asked(() => sealed.bundle(receipt));
  if (bundle !== null) return jsonResponse(bundle);
  const detail = "The last change of this request is not sealed yet. Ask again later.";
  return problem("not_sealed", detail, { request_id: receipt.requestId }, { "retry-after": "1" });
}

/** What is wrong with its files or keys is for the service's log, and never the caller's mistake. */
async function asked<T>(what: () => Promise<T>): Promise<T> {
  try {
    return await what();
  } catch (error) {
    throw new Error(`The sealed log cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

export const sealing: readonly AnyOperation[] = [checkpoint];
