import { inspect } from "node:util";

/** What a tool is called with. */
export interface OnceCall {
  /** The outside world. The tool sends its effect here instead of to the real one, under any path, and may look it up. */
  readonly url: string;
  /** Names the intent, in every call of a scenario. The tool sends it as it is, in the path or as a value in the body. */
  readonly reference: string;
  /** An empty folder of the scenario's own: for a store that has to outlive a process. */
  readonly folder: string;
}

/** A tool that is loaded into processes of its own. */
export interface ToolModule {
  /** A file's URL or absolute path, or what `import` finds. Node loads it as it is: TypeScript from 22.18. */
  readonly module: string | URL;
  /** Default `default`. */
  readonly export?: string;
}

/** A tool in this process, or one that can be killed alone. */
export type OnceTool = ((call: OnceCall) => unknown) | ToolModule;

/** One call, and what the caller was told. An error is something that a caller is told, too. */
export async function said(tool: (call: OnceCall) => unknown, call: OnceCall): Promise<string> {
  try {
    const answer: unknown = await tool(call);
    const status = (answer as { readonly status?: unknown } | null | undefined)?.status;
    return typeof status === "string" ? status : inspect(answer, { breakLength: Infinity }).slice(0, 200);
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : String(error)}`.slice(0, 200);
  }
}
