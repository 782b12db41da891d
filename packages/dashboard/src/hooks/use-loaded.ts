import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/client.ts";

export interface Loaded<Value> {
  readonly value: Value | null;
  /** Why the last look failed; what was seen before stays. */
  readonly problem: Problem | null;
  /** The first look is over, whatever it brought. */
  readonly ready: boolean;
  readonly reload: () => void;
}

/** What the API says, looked at anew when `key` changes, every `everyMs`, and when asked. An answer that was overtaken is dropped. */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  key: string,
  everyMs: number | null = null,
): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value: Value | null; problem: Problem | null } | null>(null);
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    const leave = new AbortController();
    latest.current(leave.signal).then(
      (value) => !leave.signal.aborted && setState({ key, value, problem: null }),
      (error: unknown) => {
        if (leave.signal.aborted) return;
        setState((before) => ({ key, value: before?.key === key ? before.value : null, problem: problemOf(error) }));
      },
    );
    return () => leave.abort();
  }, [key, turn]);
  useEffect(() => {
    if (everyMs === null) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  const current = state?.key === key ? state : null;
  return { value: current?.value ?? null, problem: current?.problem ?? null, ready: current !== null, reload };
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "console", "The console has a fault", (error as Error).message, null);
}
