/** One call that the scripted model makes, of a tool of an MCP server as the host knows it. */
export interface ModelCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What a model does in one turn: calls, all at once, or words, which end the turn. */
export type Move = { readonly calls: readonly ModelCall[] } | { readonly say: string };

/** A move, or how to find it from what the last calls answered. */
export type Step = Move | ((last: readonly SeenResult[]) => Move);

/** What the host handed the model as the result of a call. */
export interface SeenResult {
  readonly callId: string;
  readonly tool: string;
  readonly text: string;
}

export const call = (server: string, tool: string, args: Record<string, unknown>): ModelCall => ({
  server,
  tool,
  args,
});

/** A move in the words of one provider's API. */
export interface Utterance {
  readonly calls: readonly (ModelCall & { readonly id: string })[];
  readonly text: string;
}

/** One provider's streaming API, as far as a host needs it. */
export interface Dialect {
  readonly path: string;
  /** A request that offers tools of MCP servers is the conversation; others ask for titles and the like. */
  isConversation(body: never): boolean;
  /** Every tool result in the conversation, in order. */
  resultsIn(body: never): readonly { readonly callId: string; readonly text: string }[];
  /** The events of the answer. */
  answer(utterance: Utterance): readonly { readonly type: string }[];
}
