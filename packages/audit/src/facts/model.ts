/**
 * What the audit keeps of a file: no syntax tree, only values, calls and the control flow around them.
 * Everything is plain data without methods, so that it can be cached and structured-cloned, cycles included.
 */

/** A value expression, stripped of types, parentheses and `await`. */
export type Expr =
  | { k: "lit"; v: string | number | boolean | null }
  | { k: "ref"; b: Binding }
  /** A name that nothing in the file declares: `fetch`, `process`, `undefined`. */
  | { k: "global"; name: string }
  | { k: "this"; cls: ClassFact | null }
  | ({ k: "super"; cls: ClassFact | null } & Asked)
  /** `o.p`; with a computed name `p` is "[]" and `x` says what was computed. */
  | ({ k: "member"; o: Expr; p: string; x: Expr | null; pos: number } & Asked)
  | ({ k: "call"; c: CallFact } & Asked)
  | { k: "template"; s: string[]; e: Expr[] }
  | { k: "object"; props: Prop[]; pos: number }
  | ({ k: "array"; e: Expr[] } & Asked)
  | { k: "function"; f: FunctionFact }
  | { k: "class"; c: ClassFact }
  /** Any of them: `a ? b : c`, `a ?? b`, `a || b`, `a && b`. `test` is what decides. */
  | ({ k: "either"; op: "?:" | "??" | "||" | "&&"; test: Expr | null; e: Expr[] } & Asked)
  /** Everything else that computes: `a + b`, `!a`, `typeof a`, JSX. */
  | { k: "op"; op: string; e: Expr[] }
  | { k: "spread"; e: Expr }
  | ({ k: "import"; from: Expr; file: FileFacts } & Asked);

/**
 * What has to be worked out is asked for again and again: whoever has done so leaves the answer here. Null in facts that
 * are new or come from a cache.
 */
export interface Asked {
  answer: object | null;
}

/** A property of an object literal. `key` is "..." for a spread and "[]" for a computed name. */
export interface Prop {
  key: string;
  value: Expr;
  pos: number;
}

export interface Binding extends Asked {
  name: string;
  kind: "param" | "import" | "var" | "const" | "function" | "class" | "catch" | "type";
  file: FileFacts;
  /** The function whose scope declares it; null at the top of the file. */
  fn: FunctionFact | null;
  /** Every value ever assigned; destructuring appears as members of what was destructured. */
  sources: Expr[];
  /** For each source, the control flow it stands in. */
  type: TypeFact | null;
  param: { fn: FunctionFact; index: number; rest: boolean } | null;
  imported: { from: string; name: string; typeOnly: boolean } | null;
  decl: TypeDecl | null;
  /** Assigned again after its declaration. */
  reassigned: boolean;
  pos: number;
}

/** A type annotation, as far as it helps to tell what a value is. */
export interface TypeFact {
  /** `Stripe.Event` is root Stripe, path ["Event"]. */
  root: Binding | null;
  name: string;
  path: string[];
  args: TypeFact[];
  /** Alternatives of a union or intersection. */
  any: TypeFact[];
  members: ReadonlyMap<string, TypeFact> | null;
  /** `typeof x`. */
  query: boolean;
}

/** An interface or a type alias declared in the file. */
export interface TypeDecl {
  name: string;
  is: TypeFact;
  extends: TypeFact[];
}

export interface CallFact {
  id: number;
  callee: Expr;
  args: Expr[];
  isNew: boolean;
  awaited: boolean;
  /** The last name of the callee: what a reader would point at. */
  pos: number;
  start: number;
  end: number;
  fn: FunctionFact;
  region: Region;
  /** The next call of a chain: for `a.b().c()`, c is the next of b. */
  next: CallFact | null;
  /** Its promise is neither awaited, returned nor stored: nobody will see it fail. */
  floating: boolean;
  typeArgs: TypeFact[];
}

export interface FunctionFact {
  id: number;
  name: string;
  file: FileFacts;
  kind: "module" | "function" | "arrow" | "method" | "constructor";
  /** Null when the body is missing (an abstract or overloaded method). */
  hasBody: boolean;
  params: Binding[];
  returns: Expr[];
  returnType: TypeFact | null;
  async: boolean;
  parent: FunctionFact | null;
  cls: ClassFact | null;
  decorators: Expr[];
  directive: string | null;
  calls: CallFact[];
  exits: Exit[];
  region: Region;
  pos: number;
  start: number;
  end: number;
}

export interface Region {
  kind: "body" | "loop" | "try" | "catch" | "finally" | "then" | "else" | "case";
  parent: Region | null;
  fn: FunctionFact;
  start: number;
  end: number;
  /** What decides over it: the condition of an if, the discriminant of a switch. */
  test: Expr | null;
  loop: { type: "for" | "while" | "do" | "of" | "in"; over: Expr | null; test: Expr | null } | null;
  /** Of a try: its catch. */
  handler: Region | null;
}

export interface Exit {
  kind: "return" | "throw" | "break" | "continue";
  region: Region;
  pos: number;
  value: Expr | null;
}

export interface ClassFact {
  id: number;
  name: string;
  file: FileFacts;
  superClass: Expr | null;
  superArgs: TypeFact[];
  implements: TypeFact[];
  abstract: boolean;
  decorators: Expr[];
  methods: Record<string, FunctionFact>;
  statics: Record<string, FunctionFact>;
  /** Initial values and every `this.x = value`. */
  fields: Record<string, Expr[]>;
  fieldTypes: Record<string, TypeFact>;
  staticFields: Record<string, Expr[]>;
  pos: number;
}

/** `o.p = value`, except on `this`. */
export interface MemberWrite {
  o: Expr;
  p: string;
  value: Expr;
  region: Region;
  pos: number;
}

export interface ExportFact {
  name: string;
  /** A value of this file, or a name of another module. */
  value: Expr | null;
  from: string | null;
  importName: string | null;
}

export interface IgnoreComment {
  line: number;
  rules: string[];
  reason: string;
}

export interface FileFacts {
  path: string;
  hash: string;
  lines: number;
  lineStarts: number[];
  syntaxErrors: number;
  jsx: boolean;
  directives: string[];
  bindings: Binding[];
  functions: FunctionFact[];
  classes: ClassFact[];
  calls: CallFact[];
  writes: MemberWrite[];
  exports: ExportFact[];
  /** Every module the file names, static or dynamic. */
  requests: string[];
  /** Objects that may be tools, jobs or tables of handlers: literals with a function in them. */
  handlers: { expr: Extract<Expr, { k: "object" }>; fn: FunctionFact; region: Region }[];
  ignores: IgnoreComment[];
  generated: boolean;
}

/** 1-based line and column of an offset. */
export function lineAt(file: { lineStarts: number[] }, pos: number): { line: number; column: number } {
  const starts = file.lineStarts;
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= pos) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: pos - (starts[low] ?? 0) + 1 };
}
