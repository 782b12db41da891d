import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostModule, type versionOf } from "../installed.ts";
import type { ServerEntry } from "./host.ts";

const PACKAGE = "@modelcontextprotocol/inspector";
const LAUNCHER = hostModule(PACKAGE, "clients/launcher/build/index.js");

/** The version, or why it cannot be used here. */
export const inspectorFound: ReturnType<typeof versionOf> = found();

function found(): ReturnType<typeof versionOf> {
  try {
    const { version } = JSON.parse(readFileSync(hostModule(PACKAGE, "package.json"), "utf8")) as { version: string };
    return { version };
  } catch {
    return { missing: `${LAUNCHER} is not there (not fetched)` };
  }
}

export const INSPECTOR_ERAS = ["legacy", "auto", "modern"] as const;
export type InspectorEra = (typeof INSPECTOR_ERAS)[number];

/** One run of the Inspector's command line, which starts the server, asks one thing of it and ends. */
export async function inspect(
  home: string,
  era: InspectorEra,
  server: ServerEntry | { readonly url: string },
  ...question: string[]
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
): Promise<any> {
  const target = "url" in server ? [server.url] : [server.command, ...server.args];
  // A target of its own may begin with a dash; what follows `--` is the target.
  const args = [LAUNCHER, "--cli", "--protocol-era", era, "--format", "json", ...question, "--", ...target];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  const text = Buffer.concat(out).toString();
  if (code !== 0) throw new Error(`the Inspector ended with ${code}\n${text}\n${Buffer.concat(err).toString()}`);
  return JSON.parse(text).result;
}
