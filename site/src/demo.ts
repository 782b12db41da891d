import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTENT, ROOT } from "./addresses.ts";

/** Lets the demo run and record itself, about 10 s. The page it writes needs nothing else. */
export async function recordDemo(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-site-"));
  const file = join(folder, "recording.html");
  try {
    const args = [`${ROOT}packages/onceguard/dist/cli/main.js`, "demo", "--record", file];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once("error", reject).once("close", resolve),
    );
    if (code !== 0 || !existsSync(file)) throw new Error(`The demo could not be recorded.\n${said}`);
    return readFileSync(file, "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The page with the recording; without one it says how to see the demo. */
export function writeDemoPage(recording: string | null): void {
  const page = readFileSync(`${ROOT}site/demo.md`, "utf8");
  mkdirSync(`${CONTENT}public`, { recursive: true });
  if (recording !== null) writeFileSync(`${CONTENT}public/recording.html`, recording);
  const withoutRecording = page.replace(
    /^\[Open it[\s\S]*/m,
    "This build of the site was made without the recording.\n",
  );
  writeFileSync(`${CONTENT}demo.md`, recording === null ? withoutRecording : page);
}
