import type { Halt } from "../../../core/halt.ts";
import { note, paint, print, printJson, printTable, span, timeText, visible } from "../../output.ts";
import { type CommonOptions, withGuard } from "../../session.ts";
import { haltOnWire } from "../../wire.ts";

/** What is halted, since when, by whom, why. */
export async function listHalts(
  options: CommonOptions,
  { all = false, tenant, limit }: { readonly all?: boolean; readonly tenant?: string; readonly limit: number },
): Promise<void> {
  const { halts, now } = await withGuard(options, {}, async ({ guard, store }) => ({
    halts: await guard.halts({ tenant, limit: limit + 1, ...(all ? {} : { inForce: true }) }),
    now: await store.now(),
  }));
  const shown = halts.slice(0, limit);
  if (options.json) return printJson({ halts: shown.map(haltOnWire), has_more: halts.length > limit });
  if (shown.length === 0) return print(all ? "Nothing was ever halted." : "Nothing is halted.");
  const tenants = shown.some((halt) => halt.tenant !== "default");
  printTable(
    [
      { title: "SCOPE" },
      { title: "ID", shrink: true },
      ...(tenants ? [{ title: "TENANT", shrink: true }] : []),
      { title: "SINCE" },
      { title: "FOR" },
      { title: "BY" },
      { title: "WHY", shrink: true },
      ...(all ? [{ title: "RESUMED", shrink: true }] : []),
    ],
    shown.map((halt) => [
      halt.resumedAt === null ? paint("red", halt.scope) : halt.scope,
      visible(halt.id),
      ...(tenants ? [visible(halt.tenant)] : []),
      timeText(halt.haltedAt),
      span((halt.resumedAt ?? now) - halt.haltedAt),
      visible(halt.actor ?? "the guard"),
      visible(halt.reason),
      ...(all ? [resumed(halt)] : []),
    ]),
  );
  if (halts.length > limit) note(`these are the newest ${limit}; there are more (--limit)`);
}

function resumed({ resumedAt, resumedBy, resumeReason }: Halt): string {
  if (resumedAt === null) return "-";
  return `${timeText(resumedAt)} by ${visible(resumedBy ?? "-")}: ${visible(resumeReason ?? "-")}`;
}
