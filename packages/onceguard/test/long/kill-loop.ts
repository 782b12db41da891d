import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../src/testing/lost-ack-proxy.ts";
import { createEffectTable } from "../crash/effect-table.ts";
import { type Counts, countsOf, type Evidence, happenedInside, happenedOutside, keep } from "./evidence.ts";
import type { Call } from "./history.ts";
import { startLife } from "./life.ts";
import { startOutside } from "./outside.ts";
import { settle } from "./settle.ts";
import { openSite, type SiteKind } from "./store-site.ts";
import { type Violation, violationsIn } from "./verdict.ts";

export interface KillLoopOptions {
  readonly site: SiteKind;
  /** It ends after so many kills, ... */
  readonly kills: number;
  /** ... or after so many seconds, if that is earlier. Default: whenever the kills are done. */
  readonly seconds?: number;
  readonly seed: number;
  /** Processes at a time. Default 6. */
  readonly workers?: number;
  /** The database is struck once in so many kills. Default 250. */
  readonly strikeEvery?: number;
  /** The program of a life. Default: the source. */
  readonly program?: string;
  /** What must be noticed: a world that pays again for a repeated key; a PostgreSQL that acknowledges before it has written. */
  readonly planted?: "forgetful_world" | "forgetful_database";
  readonly onProgress?: (soFar: Pick<KillReport, "kills" | "strikes" | "faults" | "calls">) => void;
}

export interface KillReport extends Counts {
  readonly site: SiteKind;
  readonly seed: number;
  /** Processes that were ended by SIGKILL; how many of them before their first answer, and how many had been paused. */
  readonly kills: number;
  readonly killedEarly: number;
  readonly zombies: number;
  /** How often the database was stopped at once and restarted, or lost to its standby. */
  readonly strikes: number;
  /** Acknowledgements and requests that the proxy has lost. */
  readonly faults: number;
  readonly seconds: number;
  readonly violations: readonly Violation[];
  /** Where ledger, receipts and histories are kept, if there are violations. */
  readonly evidence: string | null;
}

/** So many payments are being made at a time, and every kill lets the next ones come in. */
const AT_ONCE = 40;
const PER_KILL = 4;
/** Longer than the lease of a life. */
const PAUSE_MS = 1_800;
/** A life that does not come to its answers (its database is away, the machine is busy) is killed all the same. */
const SILENCE_MS = 10_000;
/** Its tables are there by then, and stay: what it loses are claims and receipts that it has acknowledged. */
const FORGETS_AFTER = 5;

/**
 * Workers pay, all at once and the same payments, and are killed at random moments; now and then one is paused past its
 * lease, or the database is struck. In the end everything is settled, and held against the ledger and against all that any
 * caller was ever told. The seed fixes what is chosen, not what the machine makes of it.
 */
export async function killLoop(options: KillLoopOptions): Promise<KillReport> {
  const { site: kind, kills, seconds = Number.POSITIVE_INFINITY, seed, workers = 6, strikeEvery = 250 } = options;
  const began = performance.now();
  const dir = mkdtempSync(join(tmpdir(), `onceguard-kills-${seed}-`));
  const site = await openSite(kind, seed);
  const world = await startOutside(join(dir, "ledger.jsonl"), seed, options.planted !== "forgetful_world");
  // Through the proxy, which knows where the primary is.
  const table = await createEffectTable(site.address);
  const random = seededRandom(seed);
  const calls: Call[] = [];
  const counts = { kills: 0, killedEarly: 0, zombies: 0, strikes: 0 };
  let lives = 0;
  const goesOn = (): boolean => lives < kills && performance.now() - began < seconds * 1_000;

  async function live(slot: number): Promise<void> {
    while (goesOn()) {
      const number = lives++;
      const zombie = random() < 0.02;
      const answers = random() < 0.1 ? 0 : 1 + Math.floor(random() * 20);
      const extra = random() * (answers === 0 ? 250 : 8);
      const life = startLife(
        `life ${number}`,
        {
          store: site.address,
          world: world.port,
          seed: seed + number,
          first: number * PER_KILL,
          count: AT_ONCE,
          spill: join(dir, `spill-${slot}`),
          zombie,
        },
        options.program,
      );
      await Promise.race([life.returned(answers), sleep(SILENCE_MS, null, { ref: false })]);
      await sleep(extra);
      if (zombie) {
        life.signal("SIGSTOP");
        await sleep(PAUSE_MS);
        life.signal("SIGCONT");
        await Promise.race([life.returned(answers + 10), sleep(SILENCE_MS, null, { ref: false })]);
        counts.zombies++;
      }
      await life.kill();
      counts.kills++;
      if (counts.kills === FORGETS_AFTER && options.planted === "forgetful_database") await site.forget?.();
      if (life.calls.every(({ to }) => to === Number.POSITIVE_INFINITY)) counts.killedEarly++;
      calls.push(...life.calls);
      options.onProgress?.({ ...counts, faults: site.faults(), calls: calls.length });
    }
  }

  async function strikes(strike: () => Promise<void>, done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      if (counts.kills < (counts.strikes + 0.5) * strikeEvery) {
        await sleep(20);
        continue;
      }
      await strike();
      counts.strikes++;
    }
  }

  try {
    const done = new AbortController();
    const struck = site.strike === null ? null : strikes(site.strike, done.signal);
    struck?.catch(() => undefined); // it is awaited when the last life is over
    await Promise.all(Array.from({ length: workers }, (_, slot) => live(slot))).finally(() => done.abort());
    await struck;
    site.calm();
    const { receipts, calls: witnessed } = await settle({
      store: site.direct(),
      world: world.port,
      spills: Array.from({ length: workers }, (_, slot) => join(dir, `spill-${slot}`)),
    });
    const faults = site.faults();
    calls.push(...witnessed);
    const found: Evidence = {
      effects: [...world.ledger().map(happenedOutside), ...(await table.effects()).map(happenedInside)],
      receipts,
      calls,
    };
    const violations = violationsIn(found);
    const evidence = violations.length > 0 ? keep(dir, found, violations) : null;
    if (evidence === null) rmSync(dir, { recursive: true });
    return {
      site: kind,
      seed,
      ...counts,
      faults,
      ...countsOf(found),
      seconds: Math.round((performance.now() - began) / 1_000),
      violations,
      evidence,
    };
  } finally {
    await table.close();
    await world.stop();
    await site.remove();
  }
}
