import pg from "pg";
import type { PostgresClient, PostgresPool } from "../../../src/stores/postgres/connection.ts";

export interface Asked {
  readonly text: string;
  readonly values: unknown[];
  /** Of the prepared statement; undefined for a plain one. */
  readonly name: string | undefined;
}

/** A pool by shape: a real one that keeps what it is asked, and lets a test meddle with it. */
export function recordingPool(url: string, meddle?: (asked: Asked, run: () => Promise<Answer>) => Promise<Answer>) {
  const real = new pg.Pool({ connectionString: url, max: 10 });
  real.on("error", () => undefined);
  const asked: Asked[] = [];
  const pool: PostgresPool = {
    query: async (query) => {
      const { text, values = [], name } = typeof query === "string" ? { text: query } : query;
      const one: Asked = { text, values, name };
      asked.push(one);
      const run = () => real.query(query as pg.QueryConfig) as Promise<Answer>;
      return meddle ? meddle(one, run) : run();
    },
    connect: () => real.connect() as unknown as Promise<PostgresClient>,
  };
  return { pool, asked, end: () => real.end(), real };
}

export type Answer = { rows: unknown[]; rowCount?: number | null };
