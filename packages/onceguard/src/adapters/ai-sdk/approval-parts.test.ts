import { expect, it } from "vitest";
import { userApproval } from "./approval-parts.ts";

const asks = (approvalId: string, toolCallId: string, more: object = {}) => ({
  role: "assistant",
  content: [
    { type: "text", text: "one moment" },
    { type: "tool-approval-request", approvalId, toolCallId, ...more },
  ],
});
const says = (approvalId: string, approved: unknown) => ({
  role: "tool",
  content: [{ type: "tool-approval-response", approvalId, approved }],
});
const PROMPT = { role: "user", content: "tool-approval-response" };

it.each([
  { what: "nobody was asked", messages: [PROMPT], found: null },
  { what: "nobody has answered", messages: [PROMPT, asks("a1", "c1")], found: null },
  { what: "yes", messages: [PROMPT, asks("a1", "c1"), says("a1", true)], found: { approvalId: "a1", approved: true } },
  { what: "no", messages: [asks("a1", "c1"), says("a1", false)], found: { approvalId: "a1", approved: false } },
  { what: "no yes", messages: [asks("a1", "c1"), says("a1", "yes")], found: { approvalId: "a1", approved: false } },
  {
    what: "the first word counts",
    messages: [asks("a1", "c1"), says("a1", false), says("a1", true)],
    found: { approvalId: "a1", approved: false },
  },
  { what: "yes to another call", messages: [asks("a1", "c1"), asks("a2", "c2"), says("a2", true)], found: null },
  { what: "yes to a question that was not put", messages: [says("a1", true)], found: null },
  { what: "the program's own yes", messages: [asks("a1", "c1", { isAutomatic: true }), says("a1", true)], found: null },
])("what the user said to call c1: $what", ({ messages, found }) => {
  expect(userApproval(messages, "c1")).toEqual(found);
});
