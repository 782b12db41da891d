import type { Command } from "commander";
import type { BlastQuery } from "../core/blast-radius.ts";
import { UsageError } from "./exit.ts";
import { momentOption } from "./option-parsers.ts";

/** The filters that name what went wrong. */
export interface BlastOptions {
  readonly run?: string;
  readonly action?: string;
  readonly record?: string;
  readonly actor?: string;
  readonly hostScope?: string;
  readonly trace?: string;
  readonly tenant?: string;
  readonly since?: number;
  readonly until?: number;
  readonly where?: readonly string[];
}

export function withBlastOptions(command: Command): Command {
  return command
    .option("--run <id>", "attempts of this run of a caller")
    .option("--action <name>", "attempts of this action")
    .option("--record <record>", "attempts on this business record")
    .option("--actor <name>", "attempts by this one")
    .option("--host-scope <id>", "attempts from this thread, workflow or queue of a host")
    .option("--trace <id>", "attempts of this trace")
    .option("--tenant <tenant>", "attempts of this tenant")
    .option("--since <time>", "from then on: 24h (ago), or 2026-11-21T03:00:00Z", momentOption)
    .option("--until <time>", "before then", momentOption)
    .option(
      "--where <field=value>",
      "of the payload, or of result, before, after: priority=high, after.status=sent; may be repeated",
      (text: string, all: readonly string[] = []) => [...all, text],
    );
}

/** @throws UsageError without any filter: everything there ever was is no question. */
export function blastQuery(options: BlastOptions): BlastQuery {
  const { run, action, record, actor, hostScope, trace, tenant, since, until } = options;
  const conditions = (options.where ?? []).map(condition);
  const where = Object.fromEntries(conditions);
  const twice = conditions.find(([path], n) => conditions.findIndex(([other]) => other === path) !== n);
  if (twice) throw new UsageError(`--where names ${twice[0]} twice: all conditions have to fit, so nothing could`);
  const given = {
    ...{ runId: run, action, recordId: record, actor, hostScope, traceId: trace, tenant, since, until },
    where: Object.keys(where).length > 0 ? where : undefined,
  };
  const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(query).length > 0) return query;
  throw new UsageError("say what went wrong: --run, --action, --record, --actor, --since, --where, ...");
}

/** `amount=5` is the number, `note="5"` the text. Digits that no number keeps are an id. */
function condition(text: string): [path: string, value: string | number | boolean | null] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`--where takes FIELD=VALUE, and not "${text}"`);
  const value = text.slice(at + 1);
  try {
    const parsed: unknown = JSON.parse(value);
    const isExact = typeof parsed !== "number" || Math.abs(parsed) <= Number.MAX_SAFE_INTEGER;
    if (isExact && (parsed === null || typeof parsed !== "object")) return [text.slice(0, at), parsed as string];
  } catch {
    // a text without quotes
  }
  return [text.slice(0, at), value];
}
