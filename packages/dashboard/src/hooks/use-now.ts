import { useEffect, useState } from "preact/hooks";

const watchers = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | null = null;

/** The time, every ten seconds: one clock for all ages on the page. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    watchers.add(setNow);
    timer ??= setInterval(() => {
      for (const watcher of watchers) watcher(Date.now());
    }, 10_000);
    return () => {
      watchers.delete(setNow);
      if (watchers.size > 0 || timer === null) return;
      clearInterval(timer);
      timer = null;
    };
  }, []);
  return now;
}
