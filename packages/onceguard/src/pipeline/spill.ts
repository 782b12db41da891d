import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Claim } from "../core/claim.ts";
import type { Failure } from "../core/failure.ts";
import type { StoredResult } from "../core/receipt.ts";
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
export async function spill(runtime: Runtime, claim: Claim, attempt: Attempt): Promise<void> {
  const { spillFolder } = runtime;
  if (spillFolder === null || attempt.kind === "interrupted") return;
  const { tenant, requestId, fencingToken, attemptNumber, generation, actor, capability } = claim.receipt;
  const spilled: Spilled = {
    store: storeId(runtime),
    of: { tenant, requestId, fencingToken, attemptNumber, generation, actor },
    sendsKey: capability === "downstream_key" || capability === "probe_and_downstream_key",
    success: attempt.kind === "success" ? { result: storedResult(attempt.value, runtime.maxResultBytes) } : null,
    failure: attempt.kind === "failure" ? attempt.failure : null,
  };
  try {
    mkdirSync(spillFolder, { recursive: true, mode: 0o700 });
    writeDurably(join(spillFolder, `${runtime.randomness.token()}.json`), JSON.stringify(spilled), spillFolder);
  } catch (error) {
    runtime.report(error);
  }
}

/** Which store it is, by what only that store knows: a path or an address may name another one tomorrow. */
function storeId(runtime: Runtime): string {
  return runtime.hmac("onceguard/spill")("store");
}

function writeDurably(path: string, text: string, folder: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const entries = openSync(folder, "r"); // the name is durable only with its folder
  try {
    fsyncSync(entries);
  } finally {
    closeSync(entries);
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
      await record(runtime, spilled);
      rmSync(path, { force: true });
    } catch (error) {
      if (isUnavailable(error)) return;
      runtime.report(error);
    }
  }
}

async function record(runtime: Runtime, { of, sendsKey, success, failure }: Spilled): Promise<void> {
  const { store } = runtime;
  const current = await store.find(of.tenant, of.requestId);
  if (current === null) return;
  if (success) {
    // A claim that still runs is its dead owner's: the success ends it as the owner would have.
    await recordLateSuccess(runtime, of, current, success.result, sendsKey);
    return;
  }
  await keepLine(runtime, current, "late_failure", of, JSON.stringify({ failure }));
}

/** Null for a file that is not whole: a process died while it wrote it. */
function read(path: string): Spilled | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Spilled;
  } catch {
    return null;
  }
}
