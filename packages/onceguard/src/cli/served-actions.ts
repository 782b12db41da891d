import type { AnyAction } from "../core/action.ts";
import type { Guard } from "../pipeline/guard.ts";
import type { LoadedConfig } from "./load-config.ts";
import { note } from "./output.ts";
import { registeredTelemetry } from "./registered-telemetry.ts";
import { type CommonOptions, locate, withGuard } from "./session.ts";

/** What a process serves to callers outside: the guard's actions, and those that the callers perform themselves. */
export interface ServedActions {
  readonly guard: Guard;
  readonly actions: readonly AnyAction[];
  readonly external: readonly AnyAction[];
  readonly config: LoadedConfig | null;
}

/** Everything that the config has to execute, under a guard that also carries on what callers have left. */
export async function withServedActions(
  options: CommonOptions & { readonly grace: string | number },
  serve: (served: ServedActions) => Promise<void>,
): Promise<void> {
  const { config } = await locate(options, true);
  const actions = (await config?.actions()) ?? [];
  const external = config?.external() ?? [];
  if (actions.length + external.length === 0) {
    note(
      `there is nothing to execute: ${config === null ? "no config was found here" : `${config.path} has no actions`}`,
    );
  }
  try {
    // Stored work goes on here without its callers, so this process sweeps.
    const guard = { actions, sweepEvery: "5s", grace: options.grace, ...(await registeredTelemetry()) } as const;
    await withGuard(options, { create: true, config: "whole", guard: guard as never }, ({ guard }) =>
      serve({ guard, actions, external, config }),
    );
  } finally {
    await config?.close();
  }
}
