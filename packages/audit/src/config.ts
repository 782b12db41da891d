import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KeySupport, Sink, Tier } from "./catalogue/sinks.ts";
import type { UserRetry } from "./contexts/user-registrations.ts";
import { InputError } from "./input-error.ts";
import { PATH_CLASSES, type PathClass } from "./project/path-class.ts";

/** `onceguard.audit.json`: data, never code. */
export interface AuditConfig {
  sinks: Sink[];
  retries: UserRetry[];
  include: PathClass[];
  accept: { path: string; rules: string[]; reason: string }[];
}

export const CONFIG_NAME = "onceguard.audit.json";
const TIERS: readonly Tier[] = ["irreversible", "side-effecting", "local-state"];
/** What the rules tell apart. */
const FAMILIES = ["loop", "lib", "job", "queue", "event", "webhook", "cron", "tool", "entry"];
const PLACES: readonly KeySupport["place"][] = ["option", "body", "header", "param", "none"];

/** Reads the configuration. A given path has to exist; the one in the audited folder may be missing. */
export function readConfig(root: string, given: string | null): AuditConfig {
  const path = given ?? join(root, CONFIG_NAME);
  if (given === null && !existsSync(path)) return { sinks: [], retries: [], include: [], accept: [] };
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new InputError(`cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
  const check = new Check(path);
  const whole = check.object(json, "the configuration", ["sinks", "retries", "include", "accept", "$schema"]);
  return {
    sinks: check.list(whole.sinks, "sinks").map((one, index) => sinkOf(check, one, `sinks[${index}]`)),
    retries: check.list(whole.retries, "retries").map((one, index) => retryOf(check, one, `retries[${index}]`)),
    include: check.list(whole.include, "include").map((one) => check.oneOf(one, PATH_CLASSES, "include")),
    accept: check.list(whole.accept, "accept").map((one, index) => {
      const entry = check.object(one, `accept[${index}]`, ["path", "rules", "reason"]);
      const reason = check.text(entry.reason, `accept[${index}].reason`);
      return {
        path: check.text(entry.path, `accept[${index}].path`),
        rules: check.texts(entry.rules, `accept[${index}].rules`),
        reason,
      };
    }),
  };
}

function sinkOf(check: Check, value: unknown, at: string): Sink {
  const one = check.object(value, at, [
    "id",
    "packages",
    "kind",
    "tier",
    "client",
    "write",
    "read",
    "natural",
    "key",
    "probe",
    "fix",
  ]);
  const key =
    one.key === undefined
      ? { place: "none", names: [] }
      : check.object(one.key, `${at}.key`, ["place", "names", "lifetimeHours", "retention", "where"]);
  const lifetime = key.lifetimeHours;
  if (lifetime !== undefined && (typeof lifetime !== "number" || lifetime <= 0))
    check.fail(`${at}.key.lifetimeHours has to be a number above 0`);
  return {
    id: check.text(one.id, `${at}.id`),
    packages: check.texts(one.packages, `${at}.packages`),
    kind: one.kind === undefined ? "custom" : check.text(one.kind, `${at}.kind`),
    tier: one.tier === undefined ? "side-effecting" : check.oneOf(one.tier, TIERS, `${at}.tier`),
    client: check.texts(one.client ?? [], `${at}.client`),
    write: check.texts(one.write, `${at}.write`),
    read: check.texts(one.read ?? [], `${at}.read`),
    natural: check.texts(one.natural ?? [], `${at}.natural`),
    key: {
      place: check.oneOf(key.place, PLACES, `${at}.key.place`),
      names: check.texts(key.names ?? [], `${at}.key.names`),
      ...(typeof lifetime === "number" ? { lifetimeHours: lifetime } : {}),
      ...(typeof key.retention === "string" ? { retention: key.retention } : {}),
      ...(typeof key.where === "string" ? { where: key.where } : {}),
    },
    ...(typeof one.probe === "string" ? { probe: one.probe } : {}),
    ...(typeof one.fix === "string" ? { fix: one.fix } : {}),
  };
}

const REPEATS = { always: 3, sometimes: 2, "when-asked": 1 } as const;

function retryOf(check: Check, value: unknown, at: string): UserRetry {
  const one = check.object(value, at, ["id", "packages", "calls", "properties", "wraps", "repeats", "default"]);
  const id = check.text(one.id, `${at}.id`);
  const [family, name] = id.split(":");
  if (!FAMILIES.includes(family ?? "") || !name)
    check.fail(`${at}.id has to be a kind and a name, as in "job:acme"; kinds: ${FAMILIES.join(", ")}`);
  if (one.wraps !== undefined && typeof one.wraps !== "boolean") check.fail(`${at}.wraps has to be true or false`);
  const packages = check.texts(one.packages, `${at}.packages`);
  const calls = check.texts(one.calls, `${at}.calls`);
  if (packages.length === 0) check.fail(`${at}.packages has to name a package`);
  if (calls.length === 0) check.fail(`${at}.calls has to name a call`);
  const repeats =
    one.repeats === undefined
      ? "always"
      : check.oneOf(one.repeats, ["always", "sometimes", "when-asked"], `${at}.repeats`);
  return {
    id,
    family: family as string,
    packages,
    calls,
    properties: check.texts(one.properties ?? [], `${at}.properties`),
    wraps: one.wraps === true,
    default: one.default === undefined ? "as the configuration says" : check.text(one.default, `${at}.default`),
    reruns: "the function",
    weight: REPEATS[repeats],
  };
}

/** One clear error for the first thing that is wrong. */
class Check {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }
  fail(why: string): never {
    throw new InputError(`${this.#path}: ${why}`);
  }
  object(value: unknown, at: string, names: readonly string[]): Record<string, unknown> {
    if (value === null || typeof value !== "object" || Array.isArray(value)) this.fail(`${at} has to be an object`);
    const unknown = Object.keys(value).find((one) => !names.includes(one));
    if (unknown !== undefined) this.fail(`${at} has no ${JSON.stringify(unknown)}; known: ${names.join(", ")}`);
    return value as Record<string, unknown>;
  }
  list(value: unknown, at: string): unknown[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) this.fail(`${at} has to be a list`);
    return value;
  }
  text(value: unknown, at: string): string {
    if (typeof value !== "string" || value.trim() === "") this.fail(`${at} has to be a text that is not empty`);
    return value;
  }
  texts(value: unknown, at: string): string[] {
    if (!Array.isArray(value)) this.fail(`${at} has to be a list of texts`);
    return value.map((one) => this.text(one, at));
  }
  oneOf<T extends string>(value: unknown, allowed: readonly T[], at: string): T {
    if (!allowed.includes(value as T)) this.fail(`${at} has to be one of ${allowed.join(", ")}`);
    return value as T;
  }
}
