import type { Claim, ClaimRequest } from "../core/claim.ts";
import { forwardingStore } from "../core/forwarding-store.ts";
import type { Transition } from "../core/lifecycle.ts";
import type { ApplyAnswer, ClaimAnswer, LogEntry, NewLogEntry, Store, StoreTransaction } from "../core/ports.ts";
import type { Privacy } from "../core/privacy.ts";
import type { Expected, Receipt } from "../core/receipt.ts";
import type { DataKeys } from "./data-keys.ts";
import { decrypted, encrypted } from "./private-fields.ts";
import type { Runtime } from "./runtime.ts";
import { rulesOf } from "./under-key.ts";

/** What the store writes is encrypted on the way in, and opened on the way out: the pipeline sees what was meant. */
interface Encrypting {
  readonly keys: DataKeys;
  /** The rules of an action; null where it keeps everything as it is, and undefined where it is not known here. */
  rulesOf(action: string): Privacy | null | undefined;
}

/** A store in which private fields stand encrypted. Requests without any pass through untouched. */
export function encryptingStore(store: Store, encrypting: Encrypting): Store {
  const plain = (receipt: Receipt) => plainReceipt(encrypting, receipt);
  const all = (receipts: readonly Receipt[]) => Promise.all(receipts.map(plain));
  const verbs: Partial<Store> = {
    ...writing(encrypting, store),
    find: async (tenant, requestId) => {
      const receipt = await store.find(tenant, requestId);
      return receipt && plain(receipt);
    },
    due: async (query) => all(await store.due(query)),
    list: async (query) => all(await store.list(query)),
    append: async (entry) => store.append(await writtenLine(encrypting, store, entry)),
    log: (tenant, requestId) => plainLines(encrypting, store, tenant, requestId),
    ...(store.transact && {
      transact: (work) => store.transact?.((tx) => work(encryptingTransaction(encrypting, tx))) as never,
    }),
    ...(store.join && {
      join: (handle) => encryptingTransaction(encrypting, store.join?.(handle) as StoreTransaction),
    }),
  };
  return forwardingStore(store, verbs);
}

function encryptingTransaction(encrypting: Encrypting, transaction: StoreTransaction): StoreTransaction {
  return { handle: transaction.handle, ...writing(encrypting, transaction) };
}

function writing(encrypting: Encrypting, store: Pick<Store, "claim" | "apply">): Pick<Store, "claim" | "apply"> {
  return {
    claim: async (request, readFirst) =>
      plainClaimAnswer(encrypting, await store.claim(await writtenRequest(encrypting, request), readFirst)),
    apply: async (transition) =>
      plainApplyAnswer(encrypting, await store.apply(await writtenTransition(encrypting, transition))),
  };
}

type Owned = Pick<Receipt, "tenant" | "requestId" | "action" | "keyId">;

/** How texts of this request are written; null: as they are. */
async function writer(encrypting: Encrypting, of: Owned): Promise<((text: string) => string) | null> {
  if (of.keyId === null) return null;
  const key = await encrypting.keys.find(of.tenant, of.keyId);
  // Where the rules are not known here, or the key is gone, nothing may be written that others would have to hide.
  const rules = encrypting.rulesOf(of.action)?.encrypt ?? "all";
  return key === null ? () => ERASED : (text) => encrypted(text, rules, key, of);
}

/** In the place of a document whose key is destroyed. */
const ERASED = '"[erased]"';

async function writtenRequest(encrypting: Encrypting, request: ClaimRequest): Promise<ClaimRequest> {
  const write = await writer(encrypting, request);
  if (write === null) return request;
  return { ...request, payload: write(request.payload), expected: writtenExpected(request.expected, write) };
}

function writtenExpected(expected: Expected | null, write: (text: string) => string): Expected | null {
  return expected && (JSON.parse(write(JSON.stringify(expected))) as Expected);
}

async function writtenTransition(encrypting: Encrypting, transition: Transition): Promise<Transition> {
  const write = await writer(encrypting, transition.from);
  if (write === null) return transition;
  const { next, before, after } = transition;
  const { payload, result } = next;
  return {
    ...transition,
    before: before && write(before),
    after: after && write(after),
    next: {
      ...next,
      payload: payload && write(payload),
      result: result && "json" in result ? { json: write(result.json) } : result,
    },
  };
}

/** Of a line that carries the record with it: whose it is stands in its receipt only. */
async function writtenLine(encrypting: Encrypting, store: Store, entry: NewLogEntry): Promise<NewLogEntry> {
  const { tenant, requestId, before, after } = entry;
  if (requestId === null || (before === null && after === null)) return entry;
  if (encrypting.rulesOf(entry.action ?? "") === null) return entry;
  const receipt = await store.find(tenant, requestId);
  const write = receipt && (await writer(encrypting, receipt));
  return write ? { ...entry, before: before && write(before), after: after && write(after) } : entry;
}

/** How texts of this request are read: null for one that cannot be, because its key is destroyed. */
async function reader({ keys }: Encrypting, of: Owned): Promise<((text: string) => string | null) | null> {
  if (of.keyId === null) return null;
  const key = await keys.find(of.tenant, of.keyId);
  return (text) => (key === null ? null : decrypted(text, key, of));
}

async function plainReceipt(encrypting: Encrypting, receipt: Receipt): Promise<Receipt> {
  const read = await reader(encrypting, receipt);
  if (read === null) return receipt;
  const { payload, result, expected } = receipt;
  const opened = result && "json" in result ? read(result.json) : null;
  return {
    ...receipt,
    // What cannot be opened must not be executed, nor compared: it is as forgotten as if retention had passed.
    payload: payload && read(payload),
    expected: expected && (JSON.parse(read(JSON.stringify(expected)) ?? "null") as Expected | null),
    result: result && "json" in result ? (opened === null ? { omitted: "erased" } : { json: opened }) : result,
  };
}

async function plainClaim(encrypting: Encrypting, claim: Claim): Promise<Claim> {
  return { ...claim, receipt: await plainReceipt(encrypting, claim.receipt) };
}

async function plainClaimAnswer(encrypting: Encrypting, answer: ClaimAnswer): Promise<ClaimAnswer> {
  switch (answer.kind) {
    case "claimed":
      return { ...answer, claim: await plainClaim(encrypting, answer.claim) };
    case "recorded":
    case "exists":
      return { ...answer, receipt: await plainReceipt(encrypting, answer.receipt) };
    case "skipped":
      return { ...answer, earlier: await plainReceipt(encrypting, answer.earlier) };
    default:
      return answer;
  }
}

async function plainApplyAnswer(encrypting: Encrypting, answer: ApplyAnswer): Promise<ApplyAnswer> {
  if (answer.receipt === null) return answer;
  const receipt = await plainReceipt(encrypting, answer.receipt);
  if (answer.kind !== "applied") return { ...answer, receipt };
  return { ...answer, receipt, claim: answer.claim && (await plainClaim(encrypting, answer.claim)) };
}

/** The history of a request with the records in it opened, where they can be. */
async function plainLines(
  encrypting: Encrypting,
  store: Store,
  tenant: string,
  requestId: string,
): Promise<readonly LogEntry[]> {
  const lines = await store.log(tenant, requestId);
  const receipt = await store.find(tenant, requestId);
  const read = receipt && (await reader(encrypting, receipt));
  if (read === null) return lines;
  const opened = (text: string | null) => text && (read(text) ?? text);
  return lines.map((line) => ({ ...line, before: opened(line.before), after: opened(line.after) }));
}

/** The same for what is kept outside of the store. */
export async function writerFor(runtime: Runtime, of: Owned): ReturnType<typeof writer> {
  const encrypting = encryptingOf(runtime);
  return encrypting && writer(encrypting, of);
}

export async function readerFor(runtime: Runtime, of: Owned): ReturnType<typeof reader> {
  const encrypting = encryptingOf(runtime);
  return encrypting && reader(encrypting, of);
}

function encryptingOf(runtime: Runtime): Encrypting | null {
  const { keys } = runtime;
  return keys && { keys, rulesOf: (action) => rulesOf(runtime, action) };
}
