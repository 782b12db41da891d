import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { AnyAction } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import type { Failure } from "../core/failure.ts";
import type { Receipt, StoredResult } from "../core/receipt.ts";
import { readerFor, writerFor } from "./encrypting-store.ts";
import type { Attempt } from "./execute.ts";
import { isUnavailable } from "./persist.ts";
import { keepLine, type LateAttempt, recordLateSuccess } from "./record-receipt.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";

/** What became of an attempt, for a store that was not there to hear it. */
interface Spilled {
  readonly store: string;
  readonly of: LateAttempt;
  readonly sendsKey: boolean;
  readonly success: { readonly result: StoredResult | null } | null;
  readonly failure: Failure | null;
}

/**
 * Keeps the outcome of an attempt in a file of its own, on the disk (fsync) before this returns. The record in the store
 * says that it may have happened; the file will say that it did. What cannot be written even here is reported.
 */
export async function spill(runtime: Runtime, claim: Claim, attempt: Attempt, definition: AnyAction): Promise<void> {
  const { spillFolder } = runtime;
  if (spillFolder === null || attempt.kind === "interrupted") return;
  const { tenant, requestId, fencingToken, attemptNumber, generation, actor, capability } = claim.receipt;
  const spilled: Spilled = {
    store: storeId(runtime),
    of: { tenant, requestId, fencingToken, attemptNumber, generation, actor },
    sendsKey: capability === "downstream_key" || capability === "probe_and_downstream_key",
    success:
      attempt.kind === "success" ? { result: await spilledResult(runtime, claim, attempt.value, definition) } : null,
    failure: attempt.kind === "failure" ? attempt.failure : null,
  };
  try {
    makeDurably(spillFolder);
    writeDurably(join(spillFolder, `${runtime.randomness.token()}.json`), JSON.stringify(spilled), spillFolder);
  } catch (error) {
    runtime.report(error);
  }
}

/** As the store would have it: without what is redacted, and with what is private encrypted. */
async function spilledResult(
  runtime: Runtime,
  { receipt }: Claim,
  value: unknown,
  { privacy }: AnyAction,
): Promise<StoredResult | null> {
  const result = storedResult(value, runtime.maxResultBytes, privacy);
  if (result === null || !("json" in result)) return result;
  try {
    const write = await writerFor(runtime, receipt);
    return { json: write === null ? result.json : write(result.json) };
  } catch (error) {
    runtime.report(error);
    return { omitted: "key_unavailable" };
  }
}

/** Which store it is, by what only that store knows: a path or an address may name another one tomorrow. */
function storeId(runtime: Runtime): string {
  return runtime.hmac("onceguard/spill")("store");
}

/** With the folders above it that are not there yet. */
function makeDurably(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const above = dirname(resolve(first));
  for (let made = dirname(resolve(folder)); made.length >= above.length; made = dirname(made)) {
    syncNames(made);
    if (made === above) return;
  }
}

function writeDurably(path: string, text: string, folder: string): void {
  writeFileSync(path, text, { flag: "wx", mode: 0o600, flush: true });
  syncNames(folder);
}

/** A name is durable only with the folder that it is in. */
function syncNames(folder: string): void {
  const names = openSync(folder, "r");
  try {
    fsyncSync(names);
  } finally {
    closeSync(names);
  }
}

/** Records what was spilled, as the late evidence that it is, and deletes each file once that is done. */
export async function recordSpilled(runtime: Runtime): Promise<void> {
  const { spillFolder } = runtime;
  if (spillFolder === null || !existsSync(spillFolder)) return;
  const id = storeId(runtime);
  for (const name of readdirSync(spillFolder).filter((file) => file.endsWith(".json"))) {
    const path = join(spillFolder, name);
    try {
      const spilled = read(path);
      if (spilled === null || spilled.store !== id) continue; // cut off while it was written, or another store's
      if (await record(runtime, spilled)) rmSync(path, { force: true });
    } catch (error) {
      if (isUnavailable(error)) return;
      runtime.report(error);
    }
  }
}

/** False where the store does not know the request: an older backup was restored, and it will be asked for again. */
async function record(runtime: Runtime, { of, sendsKey, success, failure }: Spilled): Promise<boolean> {
  const { store } = runtime;
  const current = await store.find(of.tenant, of.requestId);
  if (current === null) return false;
  if (success) {
    // A claim that still runs is its dead owner's: the success ends it as the owner would have.
    await recordLateSuccess(runtime, of, current, await openedResult(runtime, current, success.result), sendsKey);
  } else {
    await keepLine(runtime, current, "late_failure", of, JSON.stringify({ failure }));
  }
  return true;
}

async function openedResult(
  runtime: Runtime,
  receipt: Receipt,
  result: StoredResult | null,
): Promise<StoredResult | null> {
  if (result === null || !("json" in result)) return result;
  const read = await readerFor(runtime, receipt);
  const json = read === null ? result.json : read(result.json);
  return json === null ? { omitted: "erased" } : { json };
}

/** Null for a file that is not whole: a process died while it wrote it. */
function read(path: string): Spilled | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Spilled;
  } catch {
    return null;
  }
}
