import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprint } from "../../src/core/fingerprint.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { digest, load } from "./vectors.ts";

type Event = {
  id: string;
  idempotency_artifact: JsonObject;
  idempotency_ref: string;
  admitted_payload: JsonObject;
  admitted_payload_digest: string;
  expected: "EXECUTE" | "DUPLICATE" | "CONFLICT";
  effects_after: number;
};

/** The draft's words in ours: what `guard.execute` answers for a request id seen before, by its fingerprint. */
const OURS = { EXECUTE: "executed", DUPLICATE: "replayed", CONFLICT: "mismatch" } as const;

const hmac = (text: string) => createHmac("sha256", "conformance").update(text, "utf8").digest("hex");

/** Request id and fingerprint, compared as a claim compares them. */
function replay(events: readonly Event[], identify: (event: Event) => { requestId: string; fingerprint: string }) {
  const receipts = new Map<string, string>();
  return events.map((event) => {
    const { requestId, fingerprint } = identify(event);
    const known = receipts.get(requestId);
    if (known === undefined) receipts.set(requestId, fingerprint);
    const status = known === undefined ? OURS.EXECUTE : known === fingerprint ? OURS.DUPLICATE : OURS.CONFLICT;
    return { event: event.id, status, effects: receipts.size };
  });
}

const ours = (event: Event) => ({
  requestId: event.idempotency_ref,
  fingerprint: fingerprint(hmac, String(event.idempotency_artifact.action_type), event.admitted_payload, []),
});

describe("argentum-core/idempotency-ref-v1.1__vectors.json", () => {
  const file = load("argentum-core/idempotency-ref-v1.1__vectors.json");
  const events: Event[] = file.events;

  test.each(events)("$id: both digests recompute", (event) => {
    expect(digest(event.idempotency_artifact)).toBe(event.idempotency_ref);
    expect(digest(event.admitted_payload)).toBe(event.admitted_payload_digest);
    expect(Object.values(event.idempotency_artifact)).not.toContain(event.admitted_payload_digest);
  });

  test("the four cases, decided by request id and fingerprint", () => {
    expect(Object.keys(OURS)).toEqual(Object.keys(file.decision_rule));
    expect(replay(events, ours)).toEqual(
      events.map((event) => ({ event: event.id, status: OURS[event.expected], effects: event.effects_after })),
    );
  });

  describe("each mistake diverges where the file says", () => {
    const negatives: {
      id: string;
      events: Event[] | string;
      expected_divergence: { event: string; outcome: keyof typeof OURS; effects_after: number };
    }[] = file.negative_vectors;

    /** What the mistaken implementation takes for identity. */
    const mistakes: Record<string, typeof ours> = {
      "negative-content-derived-key": ours,
      "negative-no-digest-check": (event) => ({ ...ours(event), fingerprint: "ignored" }),
      "negative-digest-inside-artifact": ours,
    };

    test.each(negatives)("$id", ({ id, events: mistaken, expected_divergence: divergence }) => {
      const taken = events.map((event, i) => (typeof mistaken === "string" ? event : { ...event, ...mistaken[i] }));
      for (const event of taken) expect(digest(event.idempotency_artifact)).toBe(event.idempotency_ref);
      const right = replay(events, ours);
      const wrong = replay(taken, mistakes[id] as typeof ours);
      const at = wrong.findIndex((each, i) => each.status !== right[i]?.status);
      expect(wrong[at]).toEqual({
        event: divergence.event,
        status: OURS[divergence.outcome],
        effects: divergence.effects_after,
      });
    });

    test("all three are covered", () => {
      expect(negatives.map((negative) => negative.id)).toEqual(Object.keys(mistakes));
    });
  });
});

test("argentum-core/idempotency-ref-v1.fixture.json: the reference stays out of the action_ref preimage", () => {
  const [vector, ...rest] = load("argentum-core/idempotency-ref-v1.fixture.json").vectors;
  expect(rest).toEqual([]);
  expect(digest(vector.idempotency_artifact)).toBe(vector.idempotency_ref);
  expect(digest(vector.action_preimage)).toBe(vector.action_ref);
  expect(Object.values(vector.action_preimage)).not.toContain(vector.idempotency_ref);
});

test("safeagent/exactly-once-v1.json: pending, committed and the retry are one request, answered with one result", () => {
  const {
    "1_pending": pending,
    "2_committed": committed,
    "3_skip": skip,
  } = load("safeagent/exactly-once-v1.json").vectors;
  for (const step of [pending, committed]) {
    expect(digest(step.action_ref_preimage)).toBe(step.request_id);
    expect(digest(step.attestation_binding.binding_preimage)).toBe(step.attestation_binding.binding_digest);
  }
  const events = [committed, skip].map(
    (step, i): Event => ({
      id: ["committed", "skip"][i] as string,
      idempotency_artifact: { action_type: "payment.send" },
      idempotency_ref: step.request_id,
      admitted_payload: committed.attestation_binding.binding_preimage,
      admitted_payload_digest: "",
      expected: "EXECUTE",
      effects_after: 1,
    }),
  );
  expect(replay(events, ours).map((each) => each.status)).toEqual(["executed", "replayed"]);
  expect(skip.cached_result).toEqual(committed.result);
});
