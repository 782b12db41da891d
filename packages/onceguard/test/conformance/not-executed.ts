/**
 * What the vector files state and no test here executes, with the reason. `what: "everything"`: the file has nothing
 * for our core to compute. `coverage.test.ts` holds this list and the tests against the files.
 */
export const NOT_EXECUTED: readonly { readonly file: string; readonly what: string; readonly why: string }[] = [
  {
    file: "argentum-core/verify-failure-mode-ref-v1__vectors.json",
    what: "everything",
    why: "classifies fetches of signed attestations (unreachable, stale, invalid); we have no attestation gate, and the file holds no digest",
  },
  {
    file: "argentum-core/axes-exchange__MANIFEST.json",
    what: "everything",
    why: "an index of six files; the one that we were given is the next, the derivations it repackages are in action-ref-v1-baseline",
  },
  {
    file: "argentum-core/axes-exchange__04-confirmation-paypal-rest.json",
    what: "everything",
    why: "describes a probe in prose and says itself that there is nothing to run it against; the anchor is on-chain",
  },
  {
    file: "safeagent/reported-numbers.json",
    what: "everything",
    why: "results of SafeAgent's experiments, not vectors: the demo and the benchmarks are measured against them",
  },
  {
    file: "safeagent/agentgraph_attestation_gate_v0.json",
    what: "the gate's decisions and the Ed25519 proofs",
    why: "signed attestations are outside this issue; every digest and the JCS divergence proof are recomputed",
  },
  {
    file: "safeagent/agentgraph_attestation_gate_fail_closed_v0.json",
    what: "the gate's decisions on unreachable and stale attestations",
    why: "as above; its digests are recomputed",
  },
  {
    file: "argentum-core/near-miss-v1__near-miss-v1.fixture.json",
    what: "provenance_loop: the walk along parent_composition_ref",
    why: "we have no composition artifacts; the nodes' digests are recomputed",
  },
  {
    file: "argentum-core/restraint-receipt-v1__vectors.json",
    what: "RR-REJECT-004 and RR-REJECT-006: whether the verifier surface is anchored",
    why: "we do not issue restraint receipts; their digests recompute, which is exactly why the file rejects them on other grounds",
  },
  {
    file: "argentum-core/execution-join-ref__vectors.json",
    what: "DUPLICATE_ATTEMPT, RESULT_ID_CONFLICT, VERIFIER_OFFLINE, UNSUPPORTED_CANONICAL_PROFILE, EXPIRED_POLICY_BINDING",
    why: "they are about a registry's or a verifier's state, which the vectors do not contain; all stated digests are recomputed",
  },
  {
    file: "argentum-core/guardrail-provider-v1.fixture.json",
    what: "the verifier's reason codes about authorization (NEG-2, NEG-4 to NEG-8, POS-1)",
    why: "authorization records of a guardrail are not ours; every digest behind them is recomputed",
  },
  ...["committed", "failed", "pending-null", "pending-non-null"].map((name) => ({
    file: `argentum-core/${name}.fixture.json`,
    what: "trail_status and tx_hash",
    why: "states of an on-chain anchor, and a live API; the action_ref is recomputed",
  })),
  ...["trail-complete-v1", "trail-status-lifecycle-v1"].map((name) => ({
    file: `argentum-core/${name}.fixture.json`,
    what: "trail_status, anchor_status and tx_hash",
    why: "states of an on-chain anchor; every action, delegation and revocation reference is recomputed",
  })),
];

/**
 * Digest-shaped text in the vectors that nothing in the vectors hashes to, by what it is. Everything else that looks
 * like a SHA-256 is recomputed in `digests.test.ts`.
 */
export const NOT_RECOMPUTABLE: Readonly<Record<string, string>> = {
  // Placeholders: bytes made up by the authors, most of them to be wrong.
  "0000000000000000000000000000000000000000000000000000000000000001": "a profile that does not exist",
  "000000000000000000000000000000000000000000000000000000000000000a": "a policy bundle that is not the presented one",
  "000000000000000000000000000000000000000000000000000000000000dead": "an action that was not decided on",
  ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff: "an action that was not decided on",
  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: "an attempt that is not this one",
  deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef: "hash of rewritten arguments that are not given",
  deadbeef7d34833bb0338fd373efecd72128cf256aced98f48c68c5c9b075aae: "RR-REJECT-002, tampered",
  "5ade73c881c6288e8b9688944fcb15f8dbdad7f8f1f94d9e31c29dcf86238420": "neg-002, one nibble changed",
  a3f1c2e9d4b7a8f0c1e2d3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4: "hash of arguments that are not given",
  a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2: "a policy bundle that is not given",
  b1c2d3e4f5a6b1c2d3e4f5a6b1c2d3e4f5a6b1c2d3e4f5a6b1c2d3e4f5a6b1c2: "a policy bundle that is not given",
  aa01cc02dd03ee04ff05aa01cc02dd03ee04ff05aa01cc02dd03ee04ff05aa01:
    "a label of the provenance loop, not a digest (the file says so)",
  bb10dd20ee30ff40aa50bb10dd20ee30ff40aa50bb10dd20ee30ff40aa50bb10:
    "a label of the provenance loop, not a digest (the file says so)",
  // Real digests of things that are not among the vectors.
  "584bc79bb11ce3af5058b3da84d03f85e4aa464a175bd4f913aeb82a22cef60f": "action_ref of an action that is not given",
  "69e672d1ba7484e3620d4d4ed9b366c4d4c8b203c4176f60f000e2b793761ffb": "delegation that is not given",
  "50cb4f3d564763cd11dde45950ef8298e92f468070a27f125dfd658d45d5eca5": "revocation that is not given",
  "10a8adedeb58f8d40a595b654c1a096b096ca0777d231f8eb3d00099cdec837d": "action_ref of an action that is not given",
  "388c354e4d9176e5792e535d50204c5fde9aa2c959451d46cae15516c78024cd": "action_ref of an action that is not given",
  "0ce5df3066d991a034a3bdd00341e2d0ceca4c59db01fe906632c988ec850736": "action_ref of an action that is not given",
  "0987d5268eea55d9a5e1a8f6148b8d3b3b8e7d2bfe3088f2b4317df617673882": "digest of a tool's result that is not given",
  "82b5df2a487988d5ba773cf40ffa92a614769de6fbea6f4b2745794125e1c9fa":
    "a canonicalization profile, in a file that was not given",
  "7fc91e602262fc3ec1deffd0e8a9aaab394695f80316d880d69191cf0c454b85": "an HMAC under a key that is not published",
};
