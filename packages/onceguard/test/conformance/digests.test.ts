import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import { NOT_RECOMPUTABLE } from "./not-executed.ts";
import { digest, load, sha256, toHex, vectorFiles, walk, without } from "./vectors.ts";

const SHA256 = /^(?:sha256:|v2:)?([0-9a-f]{64})$/;

/** Everything that one value of a vector file may have been hashed as. */
function* digestsOf(value: JsonValue): Generator<string> {
  if (typeof value === "string") {
    yield sha256(value);
    if (/^(?:[0-9a-f]{2})+$/.test(value)) yield createHash("sha256").update(value, "hex").digest("hex");
  } else if (typeof value === "object" && value !== null) {
    yield digest(value);
    yield sha256(`mycelium.action-ref:v2:${canonicalJson(value)}`);
    // A restraint receipt hashes its five core fields and then carries the digest among them.
    if (isJsonObject(value) && Object.hasOwn(value, "restraint_receipt_ref")) {
      yield digest(without(value, "restraint_receipt_ref", "audit_checkpoints"));
    }
  }
}

const DRIFT = "argentum-core/recompute-drift-v1__recompute-drift-v1-negative.fixture.json";

/** Files whose preimages another file refers to. */
const REFERS_TO: Readonly<Record<string, string>> = {
  "argentum-core/restraint-receipt-v1__vectors.json": "argentum-core/guardrail-provider-v1.fixture.json",
  "safeagent/agentgraph_attestation_gate_fail_closed_v0.json": "safeagent/agentgraph_attestation_gate_v0.json",
  "action-ref-conformance/manifest-13.json": DRIFT,
  "action-ref-conformance/action-ref-v1-jcs-sha256.json": DRIFT,
};

describe("every digest in every file recomputes from something in it, or is listed as not recomputable", () => {
  const unused = new Set(Object.keys(NOT_RECOMPUTABLE));

  test.each(vectorFiles)("%s", (file) => {
    const computed = new Set<string>();
    for (const source of [file, REFERS_TO[file] ?? file]) {
      for (const [, value] of walk(load(source))) for (const each of digestsOf(value)) computed.add(each);
    }
    const unexplained: string[] = [];
    for (const [path, value] of walk(load(file))) {
      const stated = typeof value === "string" ? SHA256.exec(value)?.[1] : undefined;
      if (stated === undefined || computed.has(stated)) continue;
      unused.delete(stated);
      if (NOT_RECOMPUTABLE[stated] === undefined) unexplained.push(`${path} = ${value}`);
    }
    expect(unexplained).toEqual([]);
  });

  test("the list has no entry that is not needed", () => {
    expect([...unused]).toEqual([]);
  });
});

/** Which field states the digest of which other field of the same object. */
const PAIRS: readonly (readonly [preimage: string, digest: string])[] = [
  ["preimage", "action_ref"],
  ["preimage", "authorization_ref"],
  ["preimage", "restraint_receipt_ref"],
  ["preimage", "canonical_sha256"],
  ["action_preimage", "action_ref"],
  ["action_ref_preimage", "action_ref"],
  ["intent_tuple", "action_ref"],
  ["input", "action_ref"],
  ["input", "expected_sha256"],
  ["invocation_payload", "correct_action_ref"],
  ["canonical_form_payload", "correct_action_ref"],
  ["drifted_preimage", "claimed_action_ref"],
  ["complete_preimage", "correct_action_ref"],
  ["broken_preimage", "broken_action_ref"],
  ["wrong_receipt_preimage", "wrong_receipt_action_ref"],
  ["wrong_receipt_auth_preimage", "wrong_receipt_authorization_ref"],
  ["authorization_ref_preimage", "authorization_ref"],
  ["idempotency_artifact", "idempotency_ref"],
  ["admitted_payload", "admitted_payload_digest"],
  ["delegation_artifact", "delegation_ref"],
  ["revocation_artifact", "revocation_ref"],
  ["revocation_action_preimage", "revocation_action_ref"],
  ["original_args", "original_args_digest"],
  ["effective_args", "effective_args_digest"],
  ["approved_args", "original_args_digest"],
  ["attempted_effective_args", "attempted_effective_args_digest"],
  ["record", "record_digest"],
  ["artifact", "jcs_hash"],
  ["envelope", "envelope_canonical_sha256"],
  ["binding_preimage", "binding_digest"],
  ["claim_binding_preimage", "binding_digest"],
  ["nested_input", "rfc8785_sha256"],
  ["presented_policy_bundle", "actual_policy_bundle_hash"],
];

/** An epoch integer where the canonical form is text: there `correct_action_ref` is that of `canonical_form_payload`. */
const isDriftedInstant = (value: JsonObject) => typeof value.timestamp === "number";

function pairsIn(file: string): (readonly [where: string, preimage: JsonObject, stated: string])[] {
  return [...walk(load(file))].flatMap(([path, object]) => {
    if (!isJsonObject(object)) return [];
    return PAIRS.flatMap(([from, to]) => {
      const preimage = object[from];
      const stated = object[to];
      const paired = isJsonObject(preimage) && typeof stated === "string" && !isDriftedInstant(preimage);
      return paired ? [[`${path}: ${from} -> ${to}`, preimage, stated] as const] : [];
    });
  });
}

describe("every preimage hashes to the digest stated beside it", () => {
  test("by file", () => {
    const counts = Object.fromEntries(
      vectorFiles.map((file) => [file, pairsIn(file).length]).filter(([, n]) => n !== 0),
    );
    expect(counts).toMatchInlineSnapshot(`
      {
        "action-ref-conformance/action-ref-v1-jcs-sha256.json": 7,
        "action-ref-conformance/manifest-13.json": 12,
        "argentum-core/action-ref-v1-baseline.fixture.json": 6,
        "argentum-core/committed.fixture.json": 1,
        "argentum-core/failed.fixture.json": 1,
        "argentum-core/guardrail-provider-v1.fixture.json": 12,
        "argentum-core/idempotency-ref-v1.1__vectors.json": 16,
        "argentum-core/idempotency-ref-v1.fixture.json": 2,
        "argentum-core/jcs-utf16-key-order-v1__vectors.json": 3,
        "argentum-core/mcp-scoped-receipt-v1.json": 3,
        "argentum-core/near-miss-v1__near-miss-v1.fixture.json": 14,
        "argentum-core/negative-v1.fixture.json": 2,
        "argentum-core/pending-non-null.fixture.json": 1,
        "argentum-core/pending-null.fixture.json": 1,
        "argentum-core/presidio__action-ref-v1.fixture.json": 5,
        "argentum-core/recompute-drift-v1__recompute-drift-v1-negative.fixture.json": 15,
        "argentum-core/recompute-drift-v1__recompute-drift-v1-positive.fixture.json": 5,
        "argentum-core/restraint-receipt-v1__vectors.json": 4,
        "argentum-core/safeagent__vectors.json": 3,
        "argentum-core/trail-complete-v1.fixture.json": 11,
        "argentum-core/trail-status-lifecycle-v1.fixture.json": 6,
        "safeagent/agentgraph_attestation_gate_fail_closed_v0.json": 1,
        "safeagent/agentgraph_attestation_gate_v0.json": 2,
        "safeagent/exactly-once-v1.json": 4,
      }
    `);
  });

  test.each(
    vectorFiles.flatMap((file) => pairsIn(file).map((pair) => [`${file} ${pair[0]}`, pair[1], pair[2]] as const)),
  )("%s", (_where, preimage, stated) => {
    expect(digest(preimage)).toBe(stated.replace(/^sha256:/, ""));
  });
});

/** Texts and bytes that the files call canonical; `drifted_*`, `declared_*` and `naive_*` are wrong on purpose. */
const CANONICAL_KEY = /^(?!drifted|declared|naive).*(?:jcs|canonical|bytes_hex)/;

test("every text that a file calls canonical is what we write", () => {
  let seen = 0;
  for (const file of vectorFiles) {
    for (const [, object] of walk(load(file))) {
      if (!isJsonObject(object)) continue;
      for (const [key, value] of Object.entries(object)) {
        if (!CANONICAL_KEY.test(key) || typeof value !== "string") continue;
        const hex = key.endsWith("_hex");
        const text = hex ? Buffer.from(value, "hex").toString("utf8") : value;
        if (!text.startsWith("{")) continue; // a digest, or a note
        const written = canonicalJson(JSON.parse(text) as JsonValue);
        expect(hex ? toHex(written) : written, `${file} ${key}`).toBe(value);
        seen++;
      }
    }
  }
  expect(seen).toMatchInlineSnapshot(`128`);
});

describe("argentum-core/execution-join-ref__vectors.json", () => {
  type Join = {
    id: string;
    envelope: Record<string, string | null>;
    preimages?: Record<string, JsonObject>;
    checks: Record<string, boolean | null>;
  };
  const vectors: Join[] = load("argentum-core/execution-join-ref__vectors.json").vectors;

  test.each(vectors.filter((vector) => vector.preimages))("$id", ({ envelope, preimages = {}, checks }) => {
    for (const [name, preimage] of Object.entries(preimages)) expect(digest(preimage)).toBe(envelope[name]);
    const { decision_id: decision, proof_ref: proof } = preimages;
    // null: the file's verifier halts before these.
    if (decision && checks.chain_integrity !== null) {
      expect(decision.action_ref === envelope.action_ref).toBe(checks.chain_integrity);
    }
    if (proof) expect(proof.attempt_id === envelope.attempt_id).toBe(checks.proof_binding);
    if (envelope.effective_action_ref) {
      expect(envelope.effective_action_ref === envelope.action_ref).toBe(checks.effective_call_binding);
    }
  });

  test("nine of twelve give preimages; the others are in not-executed.ts", () => {
    expect(vectors.filter((vector) => !vector.preimages).map((vector) => vector.id)).toEqual([
      "DUPLICATE_ATTEMPT",
      "RESULT_ID_CONFLICT",
      "VERIFIER_OFFLINE",
    ]);
    expect(vectors).toHaveLength(12);
  });
});

describe("argentum-core/restraint-receipt-v1__vectors.json", () => {
  // biome-ignore lint/suspicious/noExplicitAny: published JSON; each vector has a shape of its own
  const vectors: any[] = load("argentum-core/restraint-receipt-v1__vectors.json").vectors;
  const FIELDS = ["action_ref", "decision_id", "reason_code", "timestamp_ms", "verdict"];

  test.each(vectors)("$id", ({ id, preimage, submitted_receipt: receipt, ...vector }) => {
    if (preimage) {
      expect(Object.keys(preimage).sort()).toEqual(FIELDS);
      if (vector.action_ref_preimage) expect(digest(vector.action_ref_preimage)).toBe(preimage.action_ref);
      return;
    }
    const stated = receipt.restraint_receipt_ref;
    const core = without(receipt, "restraint_receipt_ref", "audit_checkpoints");
    if (id === "RR-REJECT-001") {
      expect(FIELDS.filter((field) => !Object.hasOwn(core, field))).toEqual([vector.missing_field]);
    } else if (id === "RR-REJECT-002") {
      expect(digest(core)).toBe(vector.expected_restraint_receipt_ref);
      expect(digest(core)).not.toBe(stated);
    } else if (id === "RR-REJECT-003") {
      expect(digest(core)).toBe(vector.verifier_recomputes_from_submitted_fields);
      expect(digest(core)).not.toBe(stated);
    } else {
      expect(digest(core)).toBe(stated);
    }
    if (id === "RR-REJECT-005") {
      expect(receipt.audit_checkpoints.policy_bundle).not.toBe(`sha256:${digest(vector.presented_policy_bundle)}`);
    }
  });
});

describe("safeagent/agentgraph_attestation_gate_*.json", () => {
  test("the binding digest of the claim is that of every attestation and result", () => {
    for (const name of ["v0", "fail_closed_v0"]) {
      const file = load(`safeagent/agentgraph_attestation_gate_${name}.json`);
      const bound = [...walk(file)].filter(([path]) => path.endsWith(".binding_digest")).map(([, value]) => value);
      expect(new Set(bound)).toEqual(new Set([digest(file.claim_binding_preimage)]));
    }
  });
});
