// The shapes of the Agent SDK, as far as a guard needs them: the file loads without the SDK, which brings a whole Claude Code.

/** What `tool(...)` of the SDK makes: a tool of an MCP server in this process. */
export interface AgentTool {
  readonly name: string;
  /** Of zod: a schema for each argument. */
  readonly inputSchema: object;
  // biome-ignore lint/suspicious/noExplicitAny: arguments stand in a parameter position, where unknown fits nothing
  readonly handler: (args: any, extra: any) => Promise<any>;
}

/** What a tool is called with. */
export type InputOf<Tool extends AgentTool> = Parameters<Tool["handler"]>[0];
/** What a tool answers. */
export type OutputOf<Tool extends AgentTool> = Awaited<ReturnType<Tool["handler"]>>;

/** What a handler is told besides its arguments. */
export interface HandlerExtra {
  readonly signal?: AbortSignal;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Claude Code's id of the call. */
export function toolUseIdOf(extra: HandlerExtra | undefined): string | undefined {
  const id = extra?._meta?.["claudecode/toolUseId"];
  return typeof id === "string" && id !== "" ? id : undefined;
}

interface FieldSchema {
  readonly "~standard"?: { validate(value: unknown): unknown };
}

/** The arguments as the handler will get them; null when they do not fit, and the handler will get none. */
export async function fitting(shape: object, given: unknown): Promise<Record<string, unknown> | null> {
  const args: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(shape as Record<string, FieldSchema>)) {
    const checked = (await schema["~standard"]?.validate((given as Record<string, unknown> | null)?.[name])) as
      | { readonly value?: unknown; readonly issues?: unknown }
      | undefined;
    if (checked === undefined || checked.issues !== undefined) return null;
    if (checked.value !== undefined) args[name] = checked.value;
  }
  return args;
}
