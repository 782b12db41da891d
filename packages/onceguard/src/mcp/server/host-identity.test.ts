import { expect, it } from "vitest";
import { hostIdentity, IDEMPOTENCY_KEY_META } from "./host-identity.ts";

it("Claude Code names the tool call", () => {
  expect(hostIdentity({ "claudecode/toolUseId": "toolu_1" }).host).toEqual({ scope: "claude-code", callId: "toolu_1" });
});

it("Codex names the call in its thread, which is the run", () => {
  expect(hostIdentity({ callId: "call_1", threadId: "t1", sessionId: "s1" })).toMatchObject({
    host: { scope: "codex:t1", callId: "call_1" },
    runId: "t1",
  });
});

it("VS Code names the conversation only: its requestId is a turn, in which a tool may be meant twice", () => {
  expect(hostIdentity({ "vscode.conversationId": "c1", "vscode.requestId": "turn-1" })).toMatchObject({
    host: { scope: "vscode:c1" },
    runId: "c1",
  });
});

it("what cannot be a name says nothing", () => {
  for (const meta of [
    undefined,
    {},
    { "claudecode/toolUseId": 7 },
    { "claudecode/toolUseId": "a\u0000" },
    { callId: "x" },
  ]) {
    expect(hostIdentity(meta).host).toBeNull();
  }
  expect(hostIdentity({ [IDEMPOTENCY_KEY_META]: "k".repeat(201) }).idempotencyKey).toBeNull();
});
