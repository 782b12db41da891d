import type { Binding, Expr, FileFacts, MemberWrite } from "../facts/model.ts";
import type { DeployedFunction } from "./deployed-functions.ts";
import type { ModuleResolver } from "./module-resolver.ts";
import type { LocalPackage } from "./packages.ts";
import type { PathClass } from "./path-class.ts";

/** All that was read of the audited folder. */
export interface Project {
  root: string;
  files: Map<string, FileFacts>;
  classes: Map<FileFacts, PathClass>;
  /** Tests, examples and tools that nothing audited needs. */
  skipped: number;
  packages: LocalPackage[];
  /** Paths of vercel.json crons. */
  cronPaths: string[];
  /** What templates of Serverless Framework and SAM deploy. */
  deployed: DeployedFunction[];
  resolver: ModuleResolver;
  notRead: { path: string; why: string }[];
  lines: number;
  cached: number;
}

/** Looks up what is written to the members of a name: `headers["x"] = y`. */
export class WriteIndex {
  readonly #byBinding: Map<Binding, MemberWrite[]> = new Map();

  constructor(files: Iterable<FileFacts>) {
    for (const file of files)
      for (const write of file.writes) {
        const root = rootOf(write.o);
        if (root === null) continue;
        const list = this.#byBinding.get(root);
        if (list) list.push(write);
        else this.#byBinding.set(root, [write]);
      }
  }

  of(binding: Binding): readonly MemberWrite[] {
    return this.#byBinding.get(binding) ?? [];
  }
}

function rootOf(expr: Expr): Binding | null {
  return expr.k === "ref" ? expr.b : null;
}

/** The package.json folder a file belongs to. */
export function packageOf(project: Project, path: string): LocalPackage | null {
  let best: LocalPackage | null = null;
  for (const one of project.packages)
    if ((one.folder === "" || path.startsWith(`${one.folder}/`)) && one.folder.length >= (best?.folder.length ?? 0))
      best = one;
  return best;
}
