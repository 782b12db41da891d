import type { AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import { atCall, type Draft, describe } from "./finding.ts";
import { fixesFor } from "./fixes.ts";
import { byWeight, heaviest, lower, severityOf, weightOf } from "./severity.ts";

/** Keys that do not do what they are for: DUP002 to DUP006, DUP017, DUP022. */
export function keyRules(one: AuditedBoundary): Draft[] {
  const { boundary, key, keyPaths: paths } = one;
  const name = nameOf(boundary);
  const worst = paths.toSorted(byWeight)[0] ?? null;
  const weight = worst ? weightOf(worst) : 0;
  const base = {
    at: key.at ?? atCall(boundary.call),
    path: worst,
    one,
    subject: boundary.operation,
    fixes: fixesFor(boundary),
  };
  const severity = severityOf(one, Math.max(weight, 1));
  switch (key.kind) {
    case "unstable":
    case "in-attempt": {
      const queue = boundary.kind === "job-enqueue";
      const rule = queue ? "DUP022" : key.kind === "in-attempt" ? "DUP003" : "DUP002";
      return [
        {
          ...base,
          rule,
          // What comes out the same anyhow does not need the key.
          severity: boundary.natural ? "low" : paths.length === 0 ? lower(severity) : severity,
          message: `${name}: ${key.detail}`,
          missing: "a key that stays the same for every attempt",
        },
      ];
    }
    case "coarse":
      return [
        {
          ...base,
          rule: "DUP004",
          severity: severityOf(one, Math.max(weight, 2)),
          message: `${name}: ${key.detail}`,
          missing: "a key that differs between operations",
        },
      ];
    case "misplaced":
      return [
        {
          ...base,
          rule: "DUP005",
          severity,
          message: `${name}: ${key.detail}`,
          missing: "the key in the place the provider reads",
        },
      ];
    case "optional":
      return omitted(one, worst);
    case "stable":
      return shortLived(one);
    default:
      return [];
  }
}

function omitted(one: AuditedBoundary, path: RetryPath | null): Draft[] {
  const { boundary, key, paths } = one;
  const name = nameOf(boundary);
  const severity = severityOf(one, heaviest(paths));
  const fixes = ["pass the key here too, made from the record and the action", ...fixesFor(boundary).slice(-1)];
  if (key.omittedBy.length === 0)
    return [
      {
        rule: "DUP006",
        severity: lower(severity),
        at: key.at ?? atCall(boundary.call),
        path,
        one,
        subject: boundary.operation,
        fixes,
        message: `${name}: ${key.detail}`,
        missing: "a key in every case",
      },
    ];
  return [...one.omittedPaths].map(([call, ways]) => ({
    rule: "DUP006",
    severity: severityOf(one, heaviest(ways)),
    at: atCall(call),
    path: ways.toSorted(byWeight)[0] ?? null,
    one,
    subject: boundary.operation,
    fixes,
    message: `${name} takes a key through this wrapper, and this call leaves it out`,
    missing: "the key that the wrapper takes",
  }));
}

/** Hours for which a sender or an engine goes on trying. */
const WINDOWS: readonly [RegExp, number][] = [
  [/^webhook:stripe$/, 72],
  [/^webhook:svix$/, 27],
  [/^webhook:generic$/, 24],
  [/^queue:sqs/, 96],
  [/^queue:kafka$/, 168],
  [/^queue:pubsub$/, 168],
  [/^event:eventbridge$/, 24],
  [/^temporal:activity$/, Number.POSITIVE_INFINITY],
  [/^restate:run$/, Number.POSITIVE_INFINITY],
  [/^job:graphile-worker$/, 72],
  [/^langgraph:interrupt-replay$/, Number.POSITIVE_INFINITY],
  [/^vercel:workflow$/, 72],
];

export function retryWindow(family: string): number | null {
  return WINDOWS.find(([pattern]) => pattern.test(family))?.[1] ?? null;
}

function shortLived(one: AuditedBoundary): Draft[] {
  const { boundary, paths } = one;
  const life = boundary.sink.key.lifetimeHours;
  if (life === undefined) return [];
  const path = paths.find((candidate) => (retryWindow(candidate.context.family) ?? 0) > life);
  if (!path) return [];
  const window = retryWindow(path.context.family) as number;
  const spoken = window === Number.POSITIVE_INFINITY ? "without an end" : `for up to ${window} h`;
  return [
    {
      rule: "DUP017",
      severity: lower(severityOf(one, weightOf(path))),
      at: one.key.at ?? atCall(boundary.call),
      path,
      one,
      subject: boundary.operation,
      message: `${nameOf(boundary)}: the provider keeps the key for ${hours(life)}, and ${describe(path)} repeats ${spoken}`,
      missing: "a memory that lasts as long as the retries",
      fixes: [
        "remember the event or job as done in your own database, before the key is forgotten",
        "run it through Onceguard with downstreamKey.lifetime: receipts do not expire with the key",
      ],
    },
  ];
}

export function hours(count: number): string {
  if (count < 1) return `${Math.round(count * 60)} min`;
  return count >= 48 ? `${Math.round(count / 24)} days` : `${count} h`;
}
