import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files of a fixture, by path. */
export function sources(root: string, folder = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) Object.assign(found, sources(root, path));
    else found[path] = readFileSync(join(root, path), "utf8");
  }
  return found;
}
