/**
 * Writes down which names of the catalogue the type declarations of real packages have.
 *
 *   node scripts/refresh-surfaces.ts [PACKAGE ...]
 *
 * Without names it refreshes what is recorded already. A package that is installed here is read where it is, every other
 * one is fetched with `npm pack`. Nothing of a package is executed; only its declarations are read.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SINKS } from "../src/catalogue/sinks.ts";
import { nameMatches, namesOf } from "./catalogue-names.ts";

const FILE = fileURLToPath(new URL("../test/surfaces.json", import.meta.url));
const INSTALLED = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const DECLARATION = /\.d\.[cm]?ts$/;

interface Surface {
  version: string;
  names: string[];
}

const recorded: Record<string, Surface> = existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : {};
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : Object.keys(recorded);
for (const name of wanted) {
  const surface = surfaceOf(name);
  recorded[name] = surface;
  console.log(`${name}@${surface.version}: ${surface.names.length} names`);
}
const sorted = Object.fromEntries(Object.entries(recorded).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);

function surfaceOf(name: string): Surface {
  const installed = join(INSTALLED, name);
  if (existsSync(join(installed, "package.json"))) return read(installed, name);
  const folder = mkdtempSync(join(tmpdir(), "onceguard-surface-"));
  try {
    const packed = execFileSync("npm", ["pack", name, "--silent", "--ignore-scripts", "--pack-destination", folder], {
      encoding: "utf8",
    });
    execFileSync("tar", ["-xzf", join(folder, packed.trim().split("\n").at(-1) ?? ""), "-C", folder]);
    const inner = readdirSync(folder, { withFileTypes: true }).find((one) => one.isDirectory());
    if (!inner) throw new Error(`${name}: the archive is empty`);
    return read(join(folder, inner.name), name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The names of the catalogue that the declarations mention as a member, a function or an export. */
function read(folder: string, name: string): Surface {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  const looked = SINKS.filter((one) => one.packages.includes(name)).flatMap(namesOf);
  const found = new Set<string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !DECLARATION.test(entry.name)) continue;
    const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
    for (const [, declared = ""] of text.matchAll(/([A-Za-z_$][\w$]*)['"]?\??\s*[(:<,}=]/g)) found.add(declared);
    for (const [, declared = ""] of text.matchAll(
      /\b(?:class|function|const|interface|namespace)\s+([A-Za-z_$][\w$]*)/g,
    ))
      found.add(declared);
  }
  // One witness for a prefix is enough.
  const names = looked.flatMap((one) => {
    const witness = [...found].filter((candidate) => nameMatches(one, candidate)).sort()[0];
    return witness === undefined ? [] : [witness];
  });
  return { version, names: [...new Set(names)].sort() };
}
