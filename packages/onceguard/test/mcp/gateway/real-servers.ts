import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The command of an installed MCP server from npm. */
export function realServer(name: string, ...args: string[]): string[] {
  const { manifest, bin } = installed(name);
  return [process.execPath, join(dirname(manifest), Object.values(bin)[0] as string), ...args];
}

export function installed(name: string): { manifest: string; version: string; bin: Record<string, string> } {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return {
    manifest,
    ...(JSON.parse(readFileSync(manifest, "utf8")) as { version: string; bin: Record<string, string> }),
  };
}
