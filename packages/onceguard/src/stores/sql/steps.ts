/** What goes into a statement. */
export type SqlValue = string | number | boolean | null;

export type Row = Readonly<Record<string, unknown>>;

/** One statement, with `?` for each value. Every write ends in RETURNING, so that all of them answer with rows. */
export interface Query {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

/**
 * Statements that belong together, one after the other in one transaction: each is yielded and answered with its rows.
 * Written once for both SQL stores: SQLite runs them without ever giving up its turn, PostgreSQL awaits each.
 */
export type Steps<Answer> = Generator<Query, Answer, readonly Row[]>;

export function runSteps<Answer>(steps: Steps<Answer>, ask: (query: Query) => readonly Row[]): Answer {
  let next = steps.next();
  while (!next.done) next = steps.next(ask(next.value));
  return next.value;
}

export async function runStepsAsync<Answer>(
  steps: Steps<Answer>,
  ask: (query: Query) => Promise<readonly Row[]>,
): Promise<Answer> {
  let next = steps.next();
  while (!next.done) {
    let rows: readonly Row[];
    try {
      rows = await ask(next.value);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(rows);
  }
  return next.value;
}

/** Where the two SQL stores differ. */
export interface Dialect {
  /** The name of a table as statements write it: `onceguard_halt`, `"onceguard".halt`. */
  readonly table: (name: string) => string;
  /** The store's clock, as a column `now` in ms since the epoch. */
  readonly clock: () => Query;
  /** Lines of the log carry the id of their request's row, and are found by it. */
  readonly linksLog: boolean;
  /** Waits for everybody else who has locked one of these names, until the transaction ends; none where the store has one writer anyway. */
  readonly lock: (names: readonly string[]) => readonly Query[];
}

export function* now(dialect: Dialect): Steps<number> {
  const [row] = yield dialect.clock();
  return Number(row?.now);
}
