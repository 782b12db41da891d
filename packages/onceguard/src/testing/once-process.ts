// The program of a caller that can be killed (once-callers.ts).
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { type OnceCall, said } from "./once-tool.ts";

const [module, name] = process.argv.slice(2) as [string, string];
const loaded = (await import(isAbsolute(module) ? pathToFileURL(module).href : module)) as Record<string, unknown>;
const tool = loaded[name];
if (typeof tool !== "function") throw new TypeError(`${module} has no function "${name}"`);

process.on("message", async ({ id, call, times }: { id: number; call: OnceCall; times: number }) => {
  const told = await Promise.all(Array.from({ length: times }, () => said(tool as (call: OnceCall) => unknown, call)));
  process.send?.({ id, told });
});
process.on("disconnect", () => process.exit());
