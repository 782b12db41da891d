import type { CommandEntry } from "../config.ts";
import { type AnyAction, type DownstreamKey, defineAction, type Schema } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { provider } from "../core/provider.ts";
import { readPath } from "../core/request-id.ts";
import type { CommandResult } from "./command-result.ts";
import { attemptCommand, probeCommand } from "./guarded-command.ts";

const MAX_OUTPUT = 1_048_576;

/** An argument that is filled from the payload. Only a whole one: nothing is ever spliced into the middle of another. */
const FIELD = /^\{([A-Za-z_]\w*(?:\.\w+)*)\}$/;
const FIELD_INSIDE = /\{([A-Za-z_]\w*(?:\.\w+)*)\}/g;

/**
 * An action of kind `command`.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider`
 */
export function commandAction(entry: CommandEntry, folder: string): AnyAction {
  const { kind: _kind, command, record, amount, downstreamKey, probe, name, ...options } = entry;
  const fields = [...argumentFields(entry, command), ...(probe ? argumentFields(entry, probe.command) : [])];
  if (record !== undefined) fields.push(...[...record.matchAll(FIELD_INSIDE)].map((match) => match[1] as string));
  const call = (argv: readonly string[], payload: JsonValue) => ({
    argv: fill(argv, payload),
    cwd: folder,
    stdin: JSON.stringify(payload),
    maxOutput: MAX_OUTPUT,
  });
  return defineAction<string, CommandResult, unknown, JsonValue>({
    ...options,
    name,
    input: withFields(fields, amount === undefined ? [] : [fieldNamed(entry, amount)]),
    ...(record === undefined ? {} : { record: (payload) => filled(record, payload) }),
    ...(amount === undefined ? {} : { amount: (payload) => readPath(payload, amount) as number }),
    ...(downstreamKey === undefined ? {} : { downstreamKey: keyOf(downstreamKey) }),
    ...(probe ? { probe: (payload, context) => probeCommand(context, call(probe.command, payload)) } : {}),
    execute: (payload, context) => attemptCommand(context, call(command, payload)),
  });
}

/** As the entry has it, or as the provider's contract does. */
function keyOf(entry: NonNullable<CommandEntry["downstreamKey"]>): DownstreamKey {
  if (!("provider" in entry)) return entry;
  const { provider: name, ...overrides } = entry;
  return provider(name, overrides);
}

function fieldNamed(entry: CommandEntry, amount: unknown): string {
  if (typeof amount === "string" && /^[A-Za-z_]\w*(?:\.\w+)*$/.test(amount)) return amount;
  throw invalid(entry.name, '`amount` must name a field of the payload, such as "amount" or "total.cents"');
}

function argumentFields(entry: CommandEntry, command: unknown): string[] {
  if (!Array.isArray(command) || command.length === 0 || !command.every((word) => typeof word === "string" && word)) {
    throw invalid(entry.name, '`command` must be a list of arguments, such as ["./deploy.sh", "{version}"]');
  }
  return command.flatMap((word: string) => {
    const whole = FIELD.exec(word)?.[1];
    if (whole !== undefined) return [whole];
    if (word.match(FIELD_INSIDE) === null) return [];
    throw invalid(entry.name, `in "${word}" a field fills part of an argument; make it an argument of its own`);
  });
}

function invalid(name: string, problem: string): OnceguardError {
  return new OnceguardError("invalid_action", `Action "${name}": ${problem}.`, { action: name, problem });
}

/**
 * An object whose named fields are there and are plain values, and whose amounts are amounts: what fills an argument, or
 * counts against a budget, must not be left to chance.
 */
function withFields(fields: readonly string[], amounts: readonly string[]): Schema<unknown, JsonValue> {
  return {
    "~standard": {
      version: 1,
      vendor: "onceguard",
      validate: (payload) => {
        const at = (path: string): unknown => readPath(payload as JsonValue, path);
        const missing = [...new Set(fields)].filter(
          (path) => !["string", "number", "boolean"].includes(typeof at(path)),
        );
        const worthless = amounts.filter((path) => !(typeof at(path) === "number" && (at(path) as number) >= 0));
        const issues = [
          ...missing.map((path) => ({ message: "a text, number or boolean is needed here", path: path.split(".") })),
          ...worthless.map((path) => ({ message: "a number from 0 is needed here", path: path.split(".") })),
        ];
        return issues.length === 0 ? { value: payload as JsonValue } : { issues };
      },
    },
  };
}

function filled(text: string, payload: JsonValue): string {
  return text.replace(FIELD_INSIDE, (_, path: string) => String(readPath(payload, path)));
}

function fill(command: readonly string[], payload: JsonValue): readonly string[] {
  return command.map((word) => (FIELD.test(word) ? filled(word, payload) : word));
}
