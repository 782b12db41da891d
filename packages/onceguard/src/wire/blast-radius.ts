import type { BlastQuery, BlastRadius, CorrectionPlan, PlanRow, Touched } from "../core/blast-radius.ts";
import { type Difference, diff } from "../core/diff.ts";
import { receiptOnWire, snakeKeys, timeOnWire } from "./wire.ts";

type Wire = Record<string, unknown>;

export function blastRadiusOnWire({ query, at, rows, token }: BlastRadius): Wire {
  return { query: queryOnWire(query), at: timeOnWire(at), token, rows: rows.map(touchedOnWire) };
}

function touchedOnWire(row: Touched): Wire {
  const { receipt, certainty, before, after, effectAt, later, obstacle } = row;
  return {
    receipt: receiptOnWire(receipt),
    certainty,
    before: before ?? null,
    after: after ?? null,
    changes: before === undefined || after === undefined ? null : diff(before, after).map(differenceOnWire),
    effect_at: timeOnWire(effectAt),
    later: later.map(({ at, ...rest }) => ({ ...snakeKeys(rest), at: timeOnWire(at) })),
    undo: obstacle ?? "yes",
  };
}

/** A field that is not there is null here, as it is nowhere in JSON. */
export function differenceOnWire({ path, from, to }: Difference): Wire {
  return { path, from: from ?? null, to: to ?? null };
}

/** The conditions keep their names: they are paths in payloads. */
function queryOnWire({ where, since, until, ...rest }: BlastQuery): Wire {
  return { ...snakeKeys(rest), since: since ?? null, until: until ?? null, where: where ?? null };
}

export function planOnWire({ token, query, at, rows }: CorrectionPlan): Wire {
  return { token, query: queryOnWire(query), at: timeOnWire(at), rows: rows.map((row) => snakeKeys({ ...row })) };
}

/** A plan as it was written; null for what is none. Whether it still is what it was, its token tells. */
export function planFromWire(wire: unknown): CorrectionPlan | null {
  if (!isObject(wire) || !isObject(wire.query) || !Array.isArray(wire.rows)) return null;
  if (typeof wire.token !== "string" || typeof wire.at !== "string" || !wire.rows.every(isObject)) return null;
  const query = Object.fromEntries(
    Object.entries(wire.query)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [camel(key), value]),
  ) as BlastQuery;
  const rows = wire.rows.map((row) =>
    Object.fromEntries(Object.entries(row as Wire).map(([key, value]) => [camel(key), value])),
  ) as unknown as PlanRow[];
  const isWhole = rows.every((row) => typeof row.tenant === "string" && typeof row.requestId === "string");
  return isWhole ? { token: wire.token, query, at: Date.parse(wire.at), rows } : null;
}

function isObject(value: unknown): value is Wire {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function camel(key: string): string {
  return key.replace(/_[a-z]/g, (part) => part.charAt(1).toUpperCase());
}
