import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** The file of a program that lies beside `module`: TypeScript in the sources, JavaScript in the package. */
export function sibling(name: string, module: string): string {
  return fileURLToPath(new URL(`./${name}${extname(module)}`, module));
}
