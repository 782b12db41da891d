import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Problem } from "../api/client.ts";
import type { LogEntry } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { problemOf } from "../hooks/use-loaded.ts";
import { Loading, Page, ProblemNote } from "../parts/basics.tsx";
import { LogLines } from "../parts/log-lines.tsx";
import { count } from "../parts/words.ts";

const KEPT = 200;
const EVERY_MS = 2_000;
/** Two transactions may commit in another order than their places: a few are read again, and told apart by place. */
const OVERLAP = 50;

interface Log {
  readonly entries: readonly LogEntry[];
}

/** The log as it is written: effects, replays, refusals, decisions. */
export function LiveView(): JSX.Element {
  const [entries, setEntries] = useState<readonly LogEntry[] | null>(null);
  const [paused, setPaused] = useState(false);
  const [only, setOnly] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const last = useRef<number | null>(null);
  const busy = useRef(false);

  const look = async (): Promise<void> => {
    if (busy.current || paused) return;
    busy.current = true;
    try {
      const from = last.current;
      const { entries: found } = await get<Log>(
        "/v1/log",
        from === null ? { limit: KEPT } : { order: "oldest", after: Math.max(0, from - OVERLAP), limit: 1_000 },
      );
      setProblem(null);
      last.current = Math.max(from ?? 0, ...found.map(({ seq }) => seq));
      setEntries((before) => {
        const known = new Set(before?.map(({ seq }) => seq));
        const news = found.filter(({ seq }) => !known.has(seq));
        if (before !== null && news.length === 0) return before;
        return [...news, ...(before ?? [])].sort((a, b) => b.seq - a.seq).slice(0, KEPT);
      });
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      busy.current = false;
    }
  };
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    void latest.current();
    const timer = setInterval(() => document.visibilityState === "visible" && void latest.current(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  useEvents(() => void latest.current());

  const shown = (entries ?? []).filter((entry) => matches(entry, only.trim().toLowerCase()));
  return (
    <Page
      title="Live"
      ready={entries !== null || problem !== null}
      lead={`The action log as it is written, newest first; the last ${KEPT} lines.`}
      aside={
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? "Go on" : "Pause"}
        </button>
      }
    >
      <ProblemNote problem={problem} />
      <div class="filters">
        <label>
          Only lines with
          <input value={only} autoComplete="off" onInput={(event) => setOnly(event.currentTarget.value)} />
        </label>
      </div>
      <p class="visually-hidden" role="status">
        {paused ? "Paused." : entries && `Following. ${count(shown.length, "line")} shown.`}
      </p>
      {entries === null ? problem === null && <Loading /> : <LogLines entries={shown} label="Live log" />}
    </Page>
  );
}

function matches(entry: LogEntry, text: string): boolean {
  if (text === "") return true;
  const { event, action, record_id, run_id, actor, request_id, cause } = entry;
  return [event, action, record_id, run_id, actor, request_id, cause].some((one) => one?.toLowerCase().includes(text));
}
