import type { AnyAction, EffectContext } from "../../../core/action.ts";
import { messageOf } from "../../../core/failure.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { effectContext } from "../../../pipeline/execute.ts";
import type { Session } from "../../session.ts";

const LONGEST_MS = 15_000;

/**
 * A way to read the record as it is now, by what the action's own `before` does ahead of every effect; null where the
 * config has no such action. Only on demand: it asks a system of somebody else.
 */
export async function readBefore(session: Session, receipt: Receipt): Promise<(() => Promise<string>) | null> {
  const { before } = (await actionOf(session, receipt.action)) ?? {};
  if (!before || receipt.payload === null) return null;
  const payload: unknown = JSON.parse(receipt.payload);
  return async () => {
    const context: EffectContext = effectContext(receipt, AbortSignal.timeout(LONGEST_MS));
    try {
      const late = new Promise((_, reject) => {
        context.signal.addEventListener("abort", () => reject(new Error("it took longer than 15 s")), { once: true });
      });
      return `as it is now: ${JSON.stringify(await Promise.race([before(payload, context), late])) ?? "nothing"}`;
    } catch (error) {
      return `It could not be read: ${messageOf(error)}`;
    }
  };
}

/** A config that cannot be used here (no secrets, say) does not keep anybody from deciding. */
async function actionOf({ config }: Session, name: string): Promise<AnyAction | undefined> {
  try {
    return (await config?.actions())?.find((action) => action.name === name);
  } catch {
    return undefined;
  }
}
