import { describe, expect, test } from "vitest";
import { actionRef, verifyActionRef } from "../../src/core/action-ref.ts";
import { addSignal, DEFAULT_FINALITY_POLICY, evaluate, openCase } from "../../src/core/finality.ts";
import { digest, load, sha256 } from "./vectors.ts";

const FILE = "argentum-core/near-miss-v1__near-miss-v1.fixture.json";
const options = { sha256 };
const bare = (ref: string) => ref.replace(/^sha256:/, "");

// biome-ignore lint/suspicious/noExplicitAny: published JSON; each vector has a shape of its own
const vectors: Record<string, any> = Object.fromEntries(load(FILE).vectors.map((v: { name: string }) => [v.name, v]));

describe(FILE, () => {
  test("ambiguous_issuer_binding: two issuers contradict each other, so nothing becomes final", () => {
    const { envelopes, expected_receipt_fields: fields } = vectors.ambiguous_issuer_binding;
    const torn = envelopes.reduce(
      // biome-ignore lint/suspicious/noExplicitAny: a published envelope
      (before: ReturnType<typeof openCase>, envelope: any, i: number) =>
        addSignal(
          before,
          {
            id: String(i),
            source: envelope.provider.id,
            outcome: envelope.attestation.admissibility_result,
            confidence: envelope.attestation.confidence,
            at: Date.parse(envelope.issued_at),
          },
          DEFAULT_FINALITY_POLICY,
        ).case,
      openCase(bare(fields.action_ref)),
    );
    expect(evaluate(torn, DEFAULT_FINALITY_POLICY, 1e15)).toMatchObject({ state: "IN_RECONCILIATION", final: null });
    expect(torn.signals.map((s: { source: string }) => s.source)).toEqual(fields.conflicting_providers);
  });

  test.each([
    ["rescoped_replay", "presented_preimage_block", "embedded_action_ref", "recomputed_action_ref"],
    ["semantic_drift", "verification_preimage_block", "issuance_action_ref", "verification_action_ref"],
  ])("%s: what is presented is not what was bound", (name, block, bound, recomputed) => {
    const { [block]: presented, expected_receipt_fields: fields } = vectors[name];
    expect(verifyActionRef(bare(fields[bound]), presented.preimage, options)).toEqual({
      ok: false,
      field: "action_ref",
      reason: "recompute_mismatch",
    });
    expect(actionRef(presented.preimage, options)).toEqual({ ok: true, actionRef: bare(fields[recomputed]) });
  });

  test("same_action_ref_different_state: one reference in two states is right, because it names the action", () => {
    const { preimage_block: block, receipts } = vectors.same_action_ref_different_state;
    for (const receipt of receipts) {
      expect(verifyActionRef(bare(receipt.action_ref), block.preimage, options).ok).toBe(true);
    }
    expect(new Set(receipts.map((r: { state: string }) => r.state)).size).toBe(2);
  });

  test("provenance_loop: the nodes are what they hash to (the walk itself: not-executed.ts)", () => {
    for (const node of vectors.provenance_loop.parent_chain) expect(digest(node.artifact)).toBe(node.jcs_hash);
  });

  test("no other vector is in the file", () => {
    expect(Object.keys(vectors)).toEqual([
      "ambiguous_issuer_binding",
      "rescoped_replay",
      "semantic_drift",
      "same_action_ref_different_state",
      "provenance_loop",
    ]);
  });
});
