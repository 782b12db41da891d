import { AsyncLocalStorage } from "node:async_hooks";
import type { EffectContext } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";

/** A host's tool takes what its host gives it, and nothing of ours: what the guard says of an attempt goes beside it. */
const current = new AsyncLocalStorage<EffectContext>();

/** Runs a host's own code as the effect of an attempt. */
export function asEffect<Result>(effect: EffectContext, run: () => Result): Result {
  return current.run(effect, run);
}

export function isEffectRunning(): boolean {
  return current.getStore() !== undefined;
}

/**
 * What the guard says of the attempt that is running: above all `idempotencyKey`, to be sent downstream wherever the
 * other side takes one, and `signal`. For the code of a guarded tool, step or job.
 *
 * @throws OnceguardError `no_effect_running` outside of one
 */
export function effectContext(): EffectContext {
  const effect = current.getStore();
  if (effect !== undefined) return effect;
  throw new OnceguardError(
    "no_effect_running",
    "effectContext() has an answer only inside the code of a guarded tool, while it runs.",
  );
}
