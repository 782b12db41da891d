import type { FileFacts } from "../facts/model.ts";
import type { Contexts } from "./context.ts";
import { outermost } from "./from-registrations.ts";

/** A function that compares an HMAC with a signature header receives webhooks, whatever its path is. */
export function addSignatureChecks(contexts: Contexts, file: FileFacts): void {
  if (!file.requests.some((one) => one === "crypto" || one === "node:crypto")) return;
  for (const call of file.calls) {
    const name = call.callee.k === "member" ? call.callee.p : call.callee.k === "ref" ? call.callee.b.name : "";
    if (name !== "timingSafeEqual") continue;
    const fn = outermost(call.fn);
    if (
      !contexts.ofFunction(fn).some((one) => one.family.startsWith("webhook:")) &&
      /webhook|signature|hmac/i.test(`${file.path} ${fn.name}`)
    )
      contexts.add({ family: "webhook:generic", fn, at: { fn, pos: call.pos }, label: "signature check" });
  }
}
