import { readdirSync } from "node:fs";
import { type Check, ok, warning } from "./check.ts";
import { checkPrivateFolder, isFolder } from "./check-folder.ts";

/** Where outcomes go that the store did not take. */
export function checkSpill(folder: string | false): Check[] {
  if (folder === false) return [];
  const checks = checkPrivateFolder(folder, {
    name: "spill",
    why: "An outcome that the store does not take is lost then, and becomes a question.",
    holds: "results",
  });
  const waiting = isFolder(folder) ? waitingIn(folder) : 0;
  if (waiting === 0) return checks.length > 0 ? checks : [ok("spill", "no outcome waits to be recorded")];
  return [
    ...checks,
    warning(
      "spill",
      `${waiting} in ${folder} that the store did not take`,
      "They say what became of requests that the store has as running or in doubt.",
      "onceguard reconcile, with the config whose store it was",
    ),
  ];
}

function waitingIn(folder: string): number {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json")).length;
  } catch {
    return 0; // it has said that it cannot be used
  }
}
