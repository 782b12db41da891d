import { capabilityOf } from "../../core/action.ts";
import { checklist, unanswered } from "../../core/checklist.ts";
import { PROVIDERS } from "../../core/provider-contracts.ts";
import { deepSnake, snakeKeys } from "../../wire/wire.ts";
import type { AnyOperation, Operation, Service } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import type { Principal } from "../principal.ts";
import { problem } from "../problem.ts";
import { answered, TEXT } from "../schemas.ts";

const LIST = { type: "array", items: { type: "object" } } as const;

const me: Operation = {
  name: "me",
  method: "GET",
  path: "/v1/me",
  tag: "Process",
  summary: "Whose key this is, what it may, and what this service can.",
  roles: ["caller", "reviewer", "operator", "auditor"],
  answers: {
    200: answered(
      {
        tenant: TEXT,
        name: TEXT,
        roles: { type: "array", items: TEXT },
        open: { type: "boolean", description: "Nobody has to say who they are." },
        version: TEXT,
        sealed: { type: "boolean" },
        trace_url: { type: ["string", "null"] },
      },
      ["tenant", "name", "roles", "open", "version", "sealed", "trace_url"],
    ),
  },
  readOnly: true,
  run: async ({ principal: { tenant, name, roles, keyId }, service }) => {
    const { version, traceUrl, sealed } = service;
    const can = { version, sealed: sealed !== null, trace_url: traceUrl };
    return jsonResponse({ tenant, name, roles, open: keyId === null && service.isOpen, ...can });
  },
};

const providers: Operation = {
  name: "providers",
  method: "GET",
  path: "/v1/providers",
  tag: "Configuration",
  summary: "What providers promise about repeated calls, each with its source and the day it was read.",
  roles: ["caller", "reviewer", "operator", "auditor"],
  answers: { 200: answered({ providers: LIST }, ["providers"]) },
  readOnly: true,
  run: async ({ service }) =>
    jsonResponse({
      providers: PROVIDERS.map((contract) => ({
        ...(deepSnake(contract) as object),
        used_by: [...service.actions.values(), ...service.external.values()]
          .filter(({ downstreamKey }) => downstreamKey?.provider === contract.name)
          .map(({ name }) => name),
      })),
    }),
};

const policies: Operation = {
  name: "policies",
  method: "GET",
  path: "/v1/policies",
  tag: "Configuration",
  summary: "The rules, the budgets, and what each action says of retries, keys and windows.",
  roles: ["reviewer", "operator", "auditor"],
  answers: {
    200: answered({ rules: { type: ["array", "null"] }, budgets: { type: ["object", "null"] }, actions: LIST }, [
      "rules",
      "budgets",
      "actions",
    ]),
  },
  readOnly: true,
  run: async ({ principal, service }) => {
    const { configured } = service;
    return jsonResponse({
      rules: configured && rulesFor(principal, service),
      has_policy: configured?.hasPolicy ?? null,
      policy_version: configured?.policyVersion ?? null,
      budgets: configured && deepSnake(configured.budgets),
      finality: configured && snakeKeys({ ...configured.finality }),
      notified: configured?.notified ?? null,
      actions: [...service.actions.values(), ...service.external.values()].map((action) => ({
        name: action.name,
        risk_tier: action.riskTier,
        capability: capabilityOf(action),
        version: action.version,
        retry: snakeKeys({ ...action.retry }),
        timeout_ms: action.timeoutMs,
        downstream_key: action.downstreamKey && snakeKeys({ ...action.downstreamKey }),
        dedup: typeof action.dedup === "string" ? action.dedup : action.dedup && snakeKeys({ ...action.dedup }),
        serialize: action.serialize,
        undo: action.compensate !== null,
      })),
    });
  },
};

/** A rule that names another tenant is none of this one's business. */
function rulesFor({ tenant }: Principal, { configured }: Service): unknown[] {
  const own = (configured?.rules ?? []).filter((rule) => rule.tenant === undefined || rule.tenant === tenant);
  return own.map((rule) => snakeKeys({ ...rule }));
}

const questions: Operation = {
  name: "checklist",
  method: "GET",
  path: "/v1/checklist",
  tag: "Configuration",
  summary: "The five questions before production, answered for each action from the running configuration.",
  roles: ["reviewer", "operator", "auditor"],
  answers: { 200: answered({ actions: LIST, unanswered: LIST }, ["actions", "unanswered"]) },
  readOnly: true,
  run: async ({ service }) => {
    const { configured } = service;
    if (configured === null) {
      return problem("no_configuration", "Whoever made this service has not said how its guard is configured.");
    }
    const lists = [...service.actions.values()].map((action) => checklist(action, configured));
    return jsonResponse({
      actions: lists.map(({ items, ...list }) => ({ ...snakeKeys(list), questions: items })),
      unanswered: unanswered(lists),
    });
  },
};

export const configuration: readonly AnyOperation[] = [me, providers, policies, questions];
