import { matches, type Pattern, parsePattern, segmentMatches } from "./pattern.ts";
import { SINKS, type Sink } from "./sinks.ts";

/** A sink with its patterns compiled. */
export interface CompiledSink {
  sink: Sink;
  write: Pattern[];
  read: Pattern[];
  natural: Pattern[];
}

/** What a path into a package is. */
export interface SinkMatch {
  compiled: CompiledSink;
  pattern: Pattern;
  /** The part of the path that names the operation: `refunds.create`. */
  operation: string;
  path: string[];
}

/** The sinks by package, with what users add in their configuration. */
export class Catalogue {
  readonly #byPackage: Map<string, CompiledSink[]> = new Map();
  readonly sinks: CompiledSink[] = [];

  constructor(added: readonly Sink[] = []) {
    for (const sink of [...SINKS, ...added]) {
      const compiled: CompiledSink = {
        sink,
        write: withNatural(sink),
        read: sink.read.map(parsePattern),
        natural: sink.natural.map(parsePattern),
      };
      this.sinks.push(compiled);
      for (const name of sink.packages) {
        const list = this.#byPackage.get(name);
        if (list) list.push(compiled);
        else this.#byPackage.set(name, [compiled]);
      }
    }
  }

  of(pkg: string): readonly CompiledSink[] {
    return this.#byPackage.get(pkg) ?? this.#byPackage.get(withoutSub(pkg)) ?? [];
  }

  /** Does the catalogue say that a path only reads? */
  reads(pkg: string, path: readonly string[]): boolean {
    return this.of(pkg).some(({ sink, read }) =>
      operationPaths(path, sink).some((one) => read.some((pattern) => !pattern.condition && matches(pattern, one))),
    );
  }

  get packages(): string[] {
    return [...this.#byPackage.keys()];
  }

  /** The write a path means, or null for a read and for everything unknown. Reads win over writes. */
  match(pkg: string, path: readonly string[]): SinkMatch | null {
    for (const compiled of this.of(pkg)) {
      const operations = operationPaths(path, compiled.sink);
      if (operations.some((one) => compiled.read.some((pattern) => !pattern.condition && matches(pattern, one))))
        continue;
      for (const operation of operations)
        for (const pattern of compiled.write)
          if (matches(pattern, operation)) return { compiled, pattern, operation: nameOf(operation), path: operation };
    }
    return null;
  }
}

/** Is the operation natural: in the list, possibly decided by a call later in the chain? */
export function isNatural(compiled: CompiledSink, path: readonly string[], later: readonly string[]): boolean {
  return compiled.natural.some((pattern) => {
    if (matches(pattern, path)) return true;
    const { segments } = pattern;
    const last = segments.at(-1);
    if (segments.length < 3 || segments.at(-2) !== "()" || last === undefined) return false;
    const head = segments.slice(0, -2);
    return (
      head.length === path.length &&
      head.every((one, index) => segmentMatches(one, path[index] as string)) &&
      later.some((one) => segmentMatches(last, one))
    );
  });
}

/** What is natural is a write as well, unless it only says how another write goes on. */
function withNatural(sink: Sink): Pattern[] {
  const written = new Set(sink.write);
  const more = sink.natural.filter((one) => {
    const head = one.split("().")[0] ?? one;
    return !written.has(one) && !(one.includes("().") && written.has(head));
  });
  return [...sink.write, ...more].map(parsePattern);
}

/**
 * Where an operation may begin in a path: after the client was made, and after every call, because what a call of a
 * package returns or hands to a callback is an object of that package again.
 */
function operationPaths(path: readonly string[], sink: Sink): string[][] {
  // `require("axios")(config)`
  if (path.length === 0) return [["default"]];
  const paths: string[][] = [];
  const start = path[0] === "default" && path.length > 1 ? 1 : 0;
  const needsClient = sink.client.length > 0;
  const made = path.findIndex((one) => one === "new" || one === "()");
  if (!needsClient || made === -1) paths.push(path.slice(start));
  if (start === 1) paths.push(path.slice(0));
  for (let index = path.length - 2; index >= 0; index--) {
    const at = path[index];
    if (at !== "()" && at !== "new" && at !== "cb") continue;
    const rest = path.slice(index + 1);
    paths.push(rest);
    // What came out of a call has a name only where it is used: `account.swap` after `getAccount()`.
    if (at === "()" && index !== made) paths.push(["result", ...rest]);
    // `app.client.chat.postMessage()`
    if (rest[0] === "client" && rest.length > 2) paths.push(rest.slice(1));
    if (at === "cb" && rest.length > 1) paths.push(rest.slice(1));
  }
  // `stripe.subscriptions.update` reached through a client that was never seen being made.
  if (needsClient && made === -1 && path.length > start + 1) paths.push(path.slice(start + 1));
  return paths;
}

function nameOf(path: readonly string[]): string {
  return path
    .filter((one) => one !== "result")
    .join(".")
    .replaceAll(".()", "()");
}

function withoutSub(pkg: string): string {
  return pkg.startsWith("@") ? pkg.split("/").slice(0, 2).join("/") : (pkg.split("/")[0] ?? pkg);
}
