import { isDeepStrictEqual } from "node:util";
import type { History } from "./history.ts";
import { ABSENT, factsOf, type Operation, operationsOf, type Standing, take } from "./request-object.ts";

interface Node {
  readonly standing: Standing;
  /** Everything before it is done. */
  readonly low: number;
  /** Which of the operations from `low` on are done, one bit each. */
  readonly done: bigint;
  readonly count: number;
  readonly path: Path | null;
}

interface Path {
  readonly operation: Operation;
  readonly before: Path | null;
}

/**
 * Whether there is one order of all that was done and told, in which each follows from what came before it, and which nobody
 * could have seen to be another one: what had ended before something else began comes first. The search of Wing and Gong,
 * with Lowe's memory of where it has been.
 *
 * @returns null, or what contradicts it: the longest order that could be found, and what fits behind none of it.
 */
export function contradictionIn(history: History): string | null {
  const facts = factsOf(history);
  const operations = operationsOf(history).toSorted((a, b) => a.from - b.from);
  const seen = new Set<string>();
  let longest: Node = { standing: ABSENT, low: 0, done: 0n, count: 0, path: null };
  const open: Node[] = [longest];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.count === operations.length) return null;
    if (node.count > longest.count) longest = node;
    const nexts = candidates(operations, node).flatMap((at): Node[] => {
      const operation = operations[at] as Operation;
      const standing = take(node.standing, operation, facts);
      return standing === null ? [] : [{ ...after(node, at), standing, path: { operation, before: node.path } }];
    });
    // What changes nothing may as well come first: if there is an order at all, then there is one that goes on like this.
    const unchanged = nexts.find(({ standing }) => isDeepStrictEqual(standing, node.standing));
    for (const next of unchanged ? [unchanged] : nexts) {
      const key = `${next.low}/${next.done.toString(36)}/${Object.values(next.standing).join("/")}`;
      if (seen.has(key)) continue;
      seen.add(key);
      open.push(next);
    }
  }
  return described(history, operations, longest);
}

/** Nothing that is left has ended before it began. */
function candidates(operations: readonly Operation[], { low, done }: Node): readonly number[] {
  const found: number[] = [];
  let ends = Number.POSITIVE_INFINITY;
  for (let at = low; at < operations.length; at++) {
    if ((done >> BigInt(at - low)) & 1n) continue;
    const { from, to } = operations[at] as Operation;
    if (from > ends) break;
    ends = Math.min(ends, to);
    found.push(at);
  }
  return found;
}

function after({ low, done, count }: Node, at: number): Pick<Node, "low" | "done" | "count"> {
  let rest = done | (1n << BigInt(at - low));
  let first = low;
  for (; rest & 1n; rest >>= 1n) first++;
  return { low: first, done: rest, count: count + 1 };
}

function described(history: History, operations: readonly Operation[], longest: Node): string {
  const order: Operation[] = [];
  for (let path = longest.path; path !== null; path = path.before) order.unshift(path.operation);
  const start = operations[0]?.from ?? 0;
  const line = ({ what, from, to }: Operation): string =>
    `  ${((from - start) / 1e6).toFixed(3)} to ${((to - start) / 1e6).toFixed(3)} ms: ${what}`;
  const left = operations.filter((operation) => !order.includes(operation));
  return [
    `${history.requestId} (${history.capability}) looks like no single request. In this order it does:`,
    ...order.map(line),
    `and then it is ${JSON.stringify(longest.standing)}, and this fits nowhere:`,
    ...left.map(line),
  ].join("\n");
}
