const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
/** An engine that has not settled a job by then is busy with other things; its own schedule is good enough. */
const GIVE_UP_MS = 30_000;

/**
 * Some engines settle a job only after its handler has thrown, and let it be put off or failed for good only then. Asks
 * until it takes. Nobody waits for it, and it may be lost with the process: then the job comes again when the engine's own
 * backoff says so, and the guard answers as before.
 *
 * @param say Resolves to whether it took. What it throws is asked again: a database that is away comes back.
 */
export function afterSettling(say: () => Promise<boolean>): void {
  const until = performance.now() + GIVE_UP_MS;
  const next = (pauseMs: number): void => {
    const again = async (): Promise<void> => {
      const took = await say().catch(() => false);
      if (!took && performance.now() < until) next(Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
    };
    setTimeout(() => void again(), pauseMs).unref();
  };
  next(FIRST_PAUSE_MS);
}
