// The shapes of the SDK's runnable tools, as far as a guard needs them: the file loads without the SDK, and fits its majors.

/** What `betaZodTool`, `betaStandardSchemaTool` and their like make. */
export interface RunnableTool {
  readonly name?: string;
  // biome-ignore lint/suspicious/noExplicitAny: input and context stand in parameter positions, where unknown fits nothing
  readonly run: (input: any, context?: any) => any;
}

/** What a runner gives a tool along. */
export interface RunContext {
  readonly toolUse?: { readonly id: string };
  readonly signal?: AbortSignal | null | undefined;
}

/** What a tool is called with. */
export type InputOf<Tool extends RunnableTool> = Parameters<Tool["run"]>[0];
/** What a tool answers. */
export type OutputOf<Tool extends RunnableTool> = Awaited<ReturnType<Tool["run"]>>;
