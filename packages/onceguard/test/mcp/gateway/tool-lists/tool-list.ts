/** Of a listed tool, what rules can be wrong about. */
export interface ToolFacts {
  readonly readOnly: boolean;
  /** The paths of its arguments, as rules name them: `path`, `edits[].oldText`. */
  readonly inputs: readonly string[];
  /** Those among them that are always there. */
  readonly required: readonly string[];
}

export type ToolList = Readonly<Record<string, ToolFacts>>;

export interface ListedTool {
  readonly name: string;
  readonly annotations?: { readonly readOnlyHint?: boolean };
  readonly inputSchema: JsonSchema;
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
}

export function listOf(tools: readonly ListedTool[]): ToolList {
  const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(
    sorted.map(({ name, annotations, inputSchema }) => [
      name,
      {
        readOnly: annotations?.readOnlyHint === true,
        inputs: pathsIn(inputSchema),
        required: [...(inputSchema.required ?? [])].sort(),
      },
    ]),
  );
}

function pathsIn({ properties = {} }: JsonSchema): string[] {
  return Object.keys(properties)
    .sort()
    .flatMap((name) => {
      const schema = properties[name] as JsonSchema;
      const list = schema.items === undefined ? [] : [`${name}[]`, ...within(`${name}[]`, schema.items)];
      return [name, ...list, ...within(name, schema)];
    });
}

function within(path: string, schema: JsonSchema): string[] {
  return pathsIn(schema).map((inner) => `${path}.${inner}`);
}
