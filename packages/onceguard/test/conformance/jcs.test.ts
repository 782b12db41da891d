import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import type { JsonObject, JsonValue } from "../../src/core/json.ts";
import { digest, load, sha256 } from "./vectors.ts";

type Vector = {
  id: string;
  kind: "positive" | "negative";
  input: JsonObject;
  expected_canonical: string;
  expected_sha256: string;
  declared_canonical: string;
  declared_sha256: string;
  expected_failure: "key_order" | "string_escaping";
};

describe("RFC 8785 key order: argentum-core/jcs-utf16-key-order-v1__vectors.json", () => {
  const vectors: Vector[] = load("argentum-core/jcs-utf16-key-order-v1__vectors.json").vectors;

  test.each(vectors.filter((v) => v.kind === "positive"))("$id", (vector) => {
    expect(canonicalJson(vector.input)).toBe(vector.expected_canonical);
    expect(digest(vector.input)).toBe(vector.expected_sha256);
  });

  test.each(vectors.filter((v) => v.kind === "negative"))(
    "$id is not what we write, for its $expected_failure",
    (vector) => {
      expect(sha256(vector.declared_canonical)).toBe(vector.declared_sha256);
      expect(canonicalJson(vector.input)).not.toBe(vector.declared_canonical);
      // The one thing that is wrong with it: same content, and with it put right the same text.
      expect(JSON.parse(vector.declared_canonical)).toEqual(vector.input);
      const rewritten = JSON.stringify(JSON.parse(vector.declared_canonical));
      if (vector.expected_failure === "key_order") expect(rewritten).toBe(vector.declared_canonical);
      else expect(rewritten).toBe(canonicalJson(vector.input));
    },
  );

  test("three of each", () => {
    expect(vectors.map((v) => v.kind).sort()).toEqual([..."nnnppp"].map((k) => (k === "n" ? "negative" : "positive")));
  });
});

test("the divergence proof: sorting only the top level gives other bytes (safeagent/agentgraph_attestation_gate_v0.json)", () => {
  const proof = load("safeagent/agentgraph_attestation_gate_v0.json").jcs_divergence_proof;
  expect(canonicalJson(proof.nested_input)).toBe(proof.rfc8785_canonical);
  expect(digest(proof.nested_input)).toBe(proof.rfc8785_sha256);
  const topLevelOnly = JSON.stringify(
    Object.fromEntries(Object.entries(proof.nested_input as Record<string, JsonValue>).sort()),
  );
  expect(topLevelOnly).toBe(proof.naive_sorted_dumps);
  expect(sha256(topLevelOnly)).toBe(proof.naive_sorted_dumps_sha256);
  expect(proof.naive_sorted_dumps_sha256 !== proof.rfc8785_sha256).toBe(proof.digests_differ);
});
