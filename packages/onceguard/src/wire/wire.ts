import type { Epoch } from "../core/epoch.ts";
import type { Failure } from "../core/failure.ts";
import type { Halt } from "../core/halt.ts";
import type { Hold } from "../core/hold.ts";
import type { LogEntry } from "../core/ports.ts";
import { type Receipt, resultOf } from "../core/receipt.ts";

/** camelCase in the code, snake_case in JSON: converted here and nowhere else. Payloads and results keep their keys. */
type Wire = Record<string, unknown>;

/** A receipt without what may be large or private: payload, result and fingerprint. */
export function receiptSummary(receipt: Receipt): Wire {
  const { payload: _payload, result, fingerprint: _fingerprint, readAt: _readAt, failure, hold, ...rest } = receipt;
  const { createdAt, updatedAt, generationAt, attemptEndedAt, dueAt, ...plain } = rest;
  return {
    ...snakeKeys(plain),
    failure: failureOnWire(failure),
    hold: holdOnWire(hold),
    result_omitted: result && "omitted" in result ? result.omitted : null,
    created_at: timeOnWire(createdAt),
    updated_at: timeOnWire(updatedAt),
    generation_at: timeOnWire(generationAt),
    attempt_ended_at: timeOnWire(attemptEndedAt),
    due_at: timeOnWire(dueAt),
  };
}

export function receiptOnWire(receipt: Receipt): Wire {
  return {
    ...receiptSummary(receipt),
    fingerprint: receipt.fingerprint,
    payload: receipt.payload === null ? null : JSON.parse(receipt.payload),
    result: resultOf(receipt) ?? null,
  };
}

export function logEntryOnWire(entry: LogEntry): Wire {
  const { tenant: _tenant, requestId: _requestId, detail, at, before, after, ...rest } = entry;
  return {
    at: timeOnWire(at),
    ...snakeKeys(rest),
    before: before === null ? null : JSON.parse(before),
    after: after === null ? null : JSON.parse(after),
    detail: detail === null ? null : deepSnake(JSON.parse(detail)),
  };
}

/** An entry of the log by itself, and not as part of its request's history. */
export function logLineOnWire(entry: LogEntry): Wire {
  return { tenant: entry.tenant, request_id: entry.requestId, ...logEntryOnWire(entry) };
}

function holdOnWire(hold: Hold | null): Wire | null {
  if (hold === null) return null;
  const { approval, ...rest } = hold;
  const granted = approval && {
    actor: approval.actor,
    reason: approval.reason,
    expires_at: timeOnWire(approval.expiresAt),
  };
  return { ...snakeKeys(rest), approval: granted };
}

export function haltOnWire(halt: Halt | null): Wire | null {
  if (halt === null) return null;
  const { haltedAt, resumedAt, ...rest } = halt;
  return { ...snakeKeys(rest), halted_at: timeOnWire(haltedAt), resumed_at: timeOnWire(resumedAt) };
}

export function epochOnWire(epoch: Epoch | null): Wire | null {
  if (epoch === null) return null;
  const { backupAt, restoredAt, until, ...rest } = epoch;
  return {
    ...rest,
    backup_at: timeOnWire(backupAt),
    restored_at: timeOnWire(restoredAt),
    until: timeOnWire(until),
  };
}

export function failureOnWire(failure: Failure | null): Wire | null {
  return failure && snakeKeys({ ...failure });
}

export function timeOnWire(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export function snakeKeys(object: Readonly<Record<string, unknown>>): Wire {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [snake(key), value]));
}

/** For what is ours all the way down: the detail of a log entry, the fields of an error. */
export function deepSnake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepSnake);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [snake(key), deepSnake(inner)]));
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
