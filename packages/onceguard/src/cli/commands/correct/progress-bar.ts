import type { CorrectionProgress } from "../../../pipeline/correct.ts";
import { progress } from "../../output.ts";

const WIDTH = 24;
/** A terminal need not see more than that per second. */
const EVERY_MS = 50;

/** `████████░░░░ 4210 of 10000, 30 s left`, on a terminal only. */
export function progressBar(): (state: CorrectionProgress) => void {
  const begun = performance.now();
  let last = 0;
  return ({ done, of }) => {
    const now = performance.now();
    if (done < of && now - last < EVERY_MS) return;
    last = now;
    const full = of === 0 ? WIDTH : Math.floor((done / of) * WIDTH);
    const left = done === 0 ? "" : `, ${Math.ceil(((now - begun) / done / 1_000) * (of - done))} s left`;
    progress(`${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${done} of ${of}${left}`);
  };
}
