import type { InferPublicSchema, PublicSchema, StandardSchemaWithJSON } from "@mastra/core/schema";
import type { ToolAction, ToolExecutionContext } from "@mastra/core/tools";
import type { Approver } from "../host-approval.ts";
import type { ContextOption } from "../host-context.ts";
import type { ModelAnswer } from "../model-answer.ts";

/** Any schema that Mastra takes; none is undefined. */
// biome-ignore lint/suspicious/noExplicitAny: any schema
export type AnySchema = PublicSchema<any> | undefined;

export type Infer<Schema extends AnySchema> =
  Schema extends PublicSchema<unknown> ? InferPublicSchema<Schema> : unknown;

/** What Mastra gives a tool along with its input. */
// biome-ignore lint/suspicious/noExplicitAny: what suspends and resumes a guarded tool is the guard's
export type MastraContext = ToolExecutionContext<any, any, any>;

// biome-ignore lint/suspicious/noExplicitAny: what is left of it does not depend on the schemas
type Rest = Omit<ToolAction<any, any, any, any, any, string, any>, TypedHere | "suspendSchema" | "resumeSchema">;
type TypedHere = "id" | "inputSchema" | "outputSchema" | "execute" | "toModelOutput";

/** What `createTool` takes, of a tool that neither suspends nor resumes by itself. */
export type GuardableTool<
  Id extends string,
  Input extends AnySchema,
  Output extends AnySchema,
  Result,
> = Partial<Rest> & {
  readonly id: Id;
  readonly description: string;
  readonly inputSchema?: Input;
  readonly outputSchema?: Output;
  readonly execute: (input: Infer<Input>, context: MastraContext) => Promise<Result>;
  readonly toModelOutput?: (output: Result) => unknown;
};

/** What `createTool` takes, of a tool whose effect happens once. */
export type GuardedMastraTool<Id extends string, Input extends AnySchema, Result> = Partial<Rest> & {
  id: Id;
  description: string;
  inputSchema: Input;
  outputSchema: StandardSchemaWithJSON<ModelAnswer<Result>> | undefined;
  execute: (input: Infer<Input>, context: MastraContext) => Promise<ModelAnswer<Result>>;
  // biome-ignore lint/suspicious/noExplicitAny: createTool wants it to take whatever an outputSchema lets through
  toModelOutput?: (output: any) => unknown;
};

/** One call of a tool, as Mastra tells it. */
export interface MastraCall {
  readonly id: string;
  readonly input: unknown;
  readonly callId: string | undefined;
  /** With the agent's or workflow's ids, and the `requestContext`. */
  readonly context: MastraContext;
}

/** How the calls of an agent or workflow meet the guard. */
export interface GuardToolOptions {
  /** The tenant, actor and run of a call; and its scope, where it is not the thread or else the run. */
  readonly context?: ContextOption<MastraCall>;
  /**
   * Whether the run is suspended while a request waits for a person or is in doubt. When it is resumed, the request is
   * asked again. Default true; false: the model is told instead.
   */
  readonly suspends?: boolean;
  /**
   * Who is behind a run that is resumed with `{ approved: true }`: it then counts as this person's decision in the guard.
   * Default: nobody, and only the guard's own approvals count. Not together with `autoResumeSuspendedTools`, where a
   * model makes up what a run is resumed with.
   */
  readonly approver?: Approver<MastraCall>;
}

/** What a run is resumed with, where that is to decide. Anything else only has the request asked again. */
export interface PersonsAnswer {
  readonly approved: boolean;
  readonly reason?: string;
}
