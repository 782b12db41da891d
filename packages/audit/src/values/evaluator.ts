import { NONE } from "../facts/lists.ts";
import type { Binding, CallFact, ExportFact, Expr, FileFacts, FunctionFact, TypeFact } from "../facts/model.ts";
import { packageName } from "../project/packages.ts";
import { type Project, WriteIndex } from "../project/project.ts";
import { type Answer, Answers } from "./answers.ts";
import { arrayCall, isArrayCallback } from "./array-calls.ts";
import { ClassIndex } from "./class-index.ts";
import { typeValues } from "./type-values.ts";
import { compact, unique, type Value, type Values } from "./value.ts";

const MAX_VALUES = 64;
const MAX_FUNCTIONS = 256;
/** Longer lists are data. */
const MAX_ELEMENTS = 400;
/** A reducer that spreads its own state has endlessly many ways; nobody needs them all. */
const MAX_STEPS = 4000;
const MAX_CALLERS = 60;
const MAX_DEPTH = 60;
/** Builders that chain on and on: `procedure.use().use().input().mutation()`. */
const MAX_PATH = 30;
const MAX_GLOBAL_PATH = 6;

/** Who calls a function, for the values of its parameters. */
export interface Callers {
  of(fn: FunctionFact): readonly { call: CallFact; offset: number }[];
}

/**
 * Tells what expressions may be, across files, without running anything: by assignments, imports and exports, classes,
 * factories, type annotations, and by what callers pass. It over-approximates values and gives up early.
 */
export class Evaluator {
  readonly project: Project;
  readonly classes: ClassIndex;
  readonly writes: WriteIndex;
  readonly #answers: Answers = new Answers();
  readonly #known: Map<Derived | Binding, Answer> = new Map();
  readonly #properties: Map<object, Map<string, Answer>> = new Map();
  readonly #exports: Map<FileFacts, Map<string, Answer>> = new Map();
  readonly #exportIndex: Map<FileFacts, { named: Map<string, ExportFact[]>; stars: string[] }> = new Map();
  readonly #active: Set<object> = new Set();
  readonly #callbacks: Map<FunctionFact, { call: CallFact; index: number }[]> = new Map();
  #callers: Callers | null = null;
  #depth = 0;
  /** Steps that the question asked from outside may still take. */
  #budget = 0;
  /** How often a cycle or the depth limit cut an answer short. */
  #cut = 0;

  constructor(project: Project) {
    this.project = project;
    this.writes = new WriteIndex(project.files.values());
    this.classes = new ClassIndex(project, (expr) => this.of(expr));
    for (const file of project.files.values())
      for (const call of file.calls)
        call.args.forEach((arg, index) => {
          const fn = arg.k === "function" ? arg.f : arg.k === "ref" ? functionOf(arg.b) : null;
          if (fn) push(this.#callbacks, fn, { call, index });
        });
  }

  /** From now on parameters are also known by what callers pass. `changed` are the functions with other callers than before. */
  useCallers(callers: Callers, changed: Iterable<FunctionFact>): void {
    this.#callers = callers;
    this.#answers.nextRound(changed);
  }

  /** The calls a function is passed to as an argument. */
  passedTo(fn: FunctionFact): readonly { call: CallFact; index: number }[] {
    return this.#callbacks.get(fn) ?? [];
  }

  of(expr: Expr): Values {
    switch (expr.k) {
      case "ref":
        return this.ofBinding(expr.b);
      case "spread":
        return this.of(expr.e);
      case "lit":
        return expr.v === null ? NONE : [{ k: "lit", v: expr.v }];
      case "template":
        return expr.e.length === 0 ? [{ k: "lit", v: expr.s.join("") }] : NONE;
      case "global":
        return [{ k: "global", path: [expr.name] }];
      case "this":
        return expr.cls ? [{ k: "instance", c: expr.cls }] : NONE;
      case "object":
        return [{ k: "object", e: expr, file: null }];
      case "function":
        return [{ k: "function", f: expr.f }];
      case "class":
        return [{ k: "class", c: expr.c }];
      case "op":
        return NONE;
      default:
        return this.#answer(expr);
    }
  }

  ofBinding(b: Binding): Values {
    return this.#answer(b);
  }

  /** What has to be worked out is worked out once. Inside a cycle the answer is cut short. */
  #answer(what: Derived | Binding): Values {
    const known = this.#answers.reuse(this.#known.get(what));
    if (known) return known;
    const cut = this.#cut;
    if (!this.#enter(what)) return NONE;
    const outer = this.#answers.begin();
    const values = compact(atMost(unique("k" in what ? this.#derived(what) : this.#binding(what))));
    const answer = this.#answers.end(outer, values, cut !== this.#cut);
    this.#leave(what);
    // What was cut short and found nothing is asked again.
    if (cut === this.#cut || values.length > 0 || this.#active.size === 0) this.#known.set(what, answer);
    return values;
  }

  /** Not twice into the same, not too deep, and not for too long. */
  #enter(what: object): boolean {
    if (this.#active.size === 0) this.#budget = MAX_STEPS;
    if (this.#active.has(what) || this.#depth > MAX_DEPTH || --this.#budget < 0) {
      this.#cut++;
      return false;
    }
    this.#active.add(what);
    this.#depth++;
    return true;
  }

  #leave(what: object): void {
    this.#depth--;
    this.#active.delete(what);
  }

  #derived(expr: Derived): Values {
    switch (expr.k) {
      case "member":
        return this.#member(expr);
      case "call":
        return this.ofCall(expr.c);
      case "array":
        return [{ k: "array", e: unique(expr.e.slice(0, MAX_ELEMENTS).flatMap((one) => this.#element(one))) }];
      case "either":
        return (expr.op === "&&" ? expr.e.slice(-1) : expr.e).flatMap((one) => this.of(one));
      case "super":
        return expr.cls?.superClass ? this.of(expr.cls.superClass).flatMap((one) => instantiate(one)) : NONE;
      case "import":
        return expr.from.k === "lit" && typeof expr.from.v === "string"
          ? this.imported(expr.file, expr.from.v, "*")
          : NONE;
    }
  }

  #element(expr: Expr): Values {
    const values = this.of(expr);
    return expr.k === "spread" ? values.flatMap((one) => (one.k === "array" ? one.e : [])) : values;
  }

  #binding(b: Binding): Values {
    if (b.imported) return this.imported(b.file, b.imported.from, b.imported.name);
    const values = b.sources.flatMap((one) => this.of(one));
    if (b.param) {
      const typed = b.type ? this.ofType(b) : [];
      values.push(...typed);
      if (typed.every((one) => one.k === "shape")) values.push(...this.#passed(b));
      return values.length > 0 ? values : [{ k: "param", b }];
    }
    if (b.type && values.every(saysNothing)) values.push(...this.ofType(b));
    return values;
  }

  ofType(b: Binding): Values {
    return b.type ? typeValues(this, b.type) : [];
  }

  /** The arguments that known callers give for a parameter. */
  argumentsFor(b: Binding): Expr[] {
    if (!b.param || b.param.rest) return [];
    const { fn, index } = b.param;
    return (this.#callers?.of(fn) ?? []).flatMap(({ call, offset }) => {
      const arg = call.args[index - offset];
      return arg ? [arg] : [];
    });
  }

  /** What callers, array methods and packages pass for a parameter. */
  #passed(b: Binding): Values {
    const { fn, index, rest } = b.param as NonNullable<Binding["param"]>;
    const values: Value[] = [];
    this.#answers.dependOn(fn);
    for (const { call, offset } of this.#callers?.of(fn).slice(0, MAX_CALLERS) ?? []) {
      if (rest) values.push({ k: "array", e: call.args.slice(index - offset).flatMap((one) => this.of(one)) });
      else {
        const arg = call.args[index - offset];
        if (arg) values.push(...this.of(arg));
      }
      if (values.length > MAX_VALUES) break;
    }
    for (const { call } of this.passedTo(fn)) {
      if (call.callee.k !== "member") {
        values.push(...this.of(call.callee).flatMap(handed));
        continue;
      }
      const on = this.of(call.callee.o);
      if (isArrayCallback(call.callee.p, index)) values.push(...on.flatMap((one) => (one.k === "array" ? one.e : [])));
      if (call.callee.p === "then" && index === 0) values.push(...on.filter((one: Value) => one.k !== "param"));
      else if (/transaction|^tx$/i.test(call.callee.p)) values.push(...on.filter((one) => one.k === "ext"));
      else values.push(...this.of(call.callee).flatMap(handed));
    }
    return values;
  }

  imported(from: FileFacts, request: string, name: string): Values {
    const path = this.project.resolver.resolve(from.path, request);
    const file = path === null ? undefined : this.project.files.get(path);
    if (file) return this.exported(file, name);
    // Prisma writes its client into a folder that nobody commits.
    if (name === "PrismaClient") return [{ k: "ext", pkg: "@prisma/client", path: [name] }];
    if (request.startsWith(".")) return [];
    return [{ k: "ext", pkg: packageName(request), path: name === "*" ? [] : [name] }];
  }

  exported(file: FileFacts, name: string): Values {
    if (name === "*") return [{ k: "namespace", file }];
    let names = this.#exports.get(file);
    if (!names) {
      names = new Map();
      this.#exports.set(file, names);
    }
    const known = this.#answers.reuse(names.get(name));
    if (known) return known;
    if (this.#depth > MAX_DEPTH) {
      this.#cut++;
      return [];
    }
    const cut = this.#cut;
    const outer = this.#answers.begin();
    const values = this.#exported(file, name);
    const answer = this.#answers.end(outer, values, cut !== this.#cut);
    if (cut === this.#cut || values.length > 0) names.set(name, answer);
    return values;
  }

  #exported(file: FileFacts, name: string): Values {
    this.#depth++;
    const values: Value[] = [];
    const { named, stars } = this.#exportsOf(file);
    for (const one of named.get(name) ?? [])
      values.push(...(one.value ? this.of(one.value) : this.imported(file, one.from ?? "", one.importName ?? name)));
    if (name !== "default") for (const from of stars) values.push(...this.#reexported(file, from, name));
    if (values.length === 0) values.push(...this.#commonJs(file, name));
    this.#depth--;
    return unique(values);
  }

  #exportsOf(file: FileFacts): { named: Map<string, ExportFact[]>; stars: string[] } {
    let index = this.#exportIndex.get(file);
    if (!index) {
      index = { named: new Map(), stars: [] };
      for (const one of file.exports)
        if (one.name !== "*") push(index.named, one.name, one);
        else if (one.from !== null) index.stars.push(one.from);
      this.#exportIndex.set(file, index);
    }
    return index;
  }

  /** `export * from "./x"`: nothing is known of the names of a package. */
  #reexported(from: FileFacts, request: string, name: string): Values {
    const path = this.project.resolver.resolve(from.path, request);
    const file = path === null ? undefined : this.project.files.get(path);
    return file ? this.exported(file, name) : [];
  }

  #commonJs(file: FileFacts, name: string): Values {
    const values: Value[] = [];
    for (const { o, p, value } of file.writes) {
      const onModule = o.k === "global" && o.name === "module" && p === "exports";
      const onExports =
        (o.k === "global" && o.name === "exports") ||
        (o.k === "member" && o.p === "exports" && o.o.k === "global" && o.o.name === "module");
      if (onModule)
        values.push(
          ...(name === "default" ? this.of(value) : this.of(value).flatMap((one) => this.memberOf(one, name))),
        );
      else if (onExports && p === name) values.push(...this.of(value));
    }
    return values;
  }

  #member(expr: Extract<Expr, { k: "member" }>): Values {
    const on = this.of(expr.o);
    const writes = expr.o.k === "ref" ? this.writes.of(expr.o.b) : NONE;
    if (on.length === 1 && writes.length === 0) return this.memberOf(on[0] as Value, expr.p);
    const values = on.flatMap((one) => this.memberOf(one, expr.p));
    for (const write of writes) if (write.p === expr.p || expr.p === "[]") values.push(...this.of(write.value));
    return values;
  }

  memberOf(value: Value, p: string): Values {
    switch (value.k) {
      case "ext":
        return isEndless(value.path, p, MAX_PATH) ? [] : [{ ...value, path: [...value.path, p] }];
      case "global":
        return isEndless(value.path, p, MAX_GLOBAL_PATH) ? [] : [{ ...value, path: [...value.path, p] }];
      case "namespace":
        return this.exported(value.file, p);
      case "instance":
        return this.classes
          .member(value.c, p)
          .flatMap((one) => (one.k === "expr" ? this.of(one.e) : one.k === "type" ? typeValues(this, one.t) : [one.v]));
      case "class":
        return this.classes
          .static(value.c, p)
          .flatMap((one) => (one.k === "expr" ? this.of(one.e) : one.k === "type" ? [] : [one.v]));
      case "object":
        return this.#property(value.e, p);
      case "array":
        return p === "[]" || /^\d+$/.test(p) ? value.e : [];
      case "shape": {
        const type = value.members.get(p);
        return type ? typeValues(this, type) : [];
      }
      default:
        return [];
    }
  }

  #property(object: Extract<Expr, { k: "object" }>, p: string): Values {
    if (p !== "[]" && !object.props.some(({ key }) => key === p || key === "..." || key === "[]")) return NONE;
    let known = this.#properties.get(object);
    if (!known) {
      known = new Map();
      this.#properties.set(object, known);
    }
    const before = this.#answers.reuse(known.get(p));
    if (before) return before;
    // `options = { ...options, x }`: the object is among its own spreads.
    const cut = this.#cut;
    if (!this.#enter(object)) return NONE;
    const outer = this.#answers.begin();
    const values: Value[] = [];
    for (const one of object.props) {
      // A table of thousands of entries is data.
      if (values.length > MAX_FUNCTIONS) break;
      if (one.key === "...") {
        for (const from of this.of(one.value)) if (from.k !== "lit") values.push(...this.memberOf(from, p));
      } else if (one.key === p || p === "[]" || one.key === "[]") values.push(...this.of(one.value));
    }
    this.#leave(object);
    const found = compact(atMost(unique(values)));
    const answer = this.#answers.end(outer, found, cut !== this.#cut);
    if (cut === this.#cut || found.length > 0) known.set(p, answer);
    return found;
  }

  ofCall(c: CallFact): Values {
    const first = c.args[0];
    if (c.callee.k === "global" && c.callee.name === "require" && first?.k === "lit" && typeof first.v === "string")
      return this.#required(c.fn.file, first.v);
    if (first && INTEROP.test(nameOf(c.callee))) return this.of(first);
    const array = arrayCall(this, c);
    if (array) return array;
    if (c.isNew && c.callee.k === "global") {
      // `new Proxy(client, {...})` is still the client.
      if (c.callee.name === "Proxy" && first) return this.of(first);
      if (c.callee.name === "Map") return this.#mapOf(c);
    }
    const values: Value[] = [];
    for (const callee of this.of(c.callee)) {
      if (c.isNew) values.push(...instantiate(callee, c));
      else if (callee.k === "function") values.push(...this.returned(callee.f));
      else if (callee.k === "ext" || callee.k === "global") {
        values.push({ ...callee, path: [...callee.path, "()"], made: callee.made ?? c });
        // A package that takes a function usually gives it back wrapped.
        if (callee.k === "ext") for (const arg of c.args) values.push(...this.#functions(arg));
      }
      if (values.length > MAX_VALUES) break;
    }
    return values;
  }

  /** What a map holds, by its type or by the entries that it begins with. */
  #mapOf(c: CallFact): Values {
    const held = c.typeArgs[1] ? [...typeValues(this, c.typeArgs[1])] : [];
    const entries = c.args[0] ? this.of(c.args[0]).flatMap((one) => (one.k === "array" ? one.e : [])) : [];
    for (const one of entries) if (one.k === "array") held.push(...one.e.filter((value) => value.k !== "lit"));
    return [{ k: "array", e: unique(held) }];
  }

  #functions(arg: Expr): Values {
    if (arg.k !== "function" && arg.k !== "ref" && arg.k !== "call") return [];
    return this.of(arg).filter((one) => one.k === "function");
  }

  #required(file: FileFacts, request: string): Values {
    const path = this.project.resolver.resolve(file.path, request);
    const target = path === null ? undefined : this.project.files.get(path);
    if (!target) return request.startsWith(".") ? [] : [{ k: "ext", pkg: packageName(request), path: [] }];
    const whole = this.exported(target, "default");
    return whole.length > 0 ? whole : [{ k: "namespace", file: target }];
  }

  returned(fn: FunctionFact): Values {
    const values = unique(fn.returns.flatMap((one) => this.of(one)));
    const telling = !fn.returnType || values.some((one) => one.k !== "lit" && one.k !== "param");
    return telling ? values : [...values, ...typeValues(this, fn.returnType as TypeFact)];
  }
}

/** What compilers write around `require`: `__importStar(require("x"))` is x. */
const INTEROP = /^_{1,2}(?:importStar|importDefault|interopRequire(?:Default|Wildcard))$/;

function nameOf(callee: Expr): string {
  if (callee.k === "member") return callee.p;
  return callee.k === "ref" ? callee.b.name : callee.k === "global" ? callee.name : "";
}

/** What does not stand for itself. */
type Derived = Extract<Expr, { k: "member" | "call" | "array" | "either" | "super" | "import" }>;

/** `new x`. */
export function instantiate(value: Value, c?: CallFact): Values {
  if (value.k === "class") return [{ k: "instance", c: value.c }];
  if (value.k === "ext" || value.k === "global")
    return [
      { ...value, path: [...value.path, "new"], ...((value.made ?? c) ? { made: (value.made ?? c) as CallFact } : {}) },
    ];
  return [];
}

/** `at = at.parent` walks on as long as it is followed. */
function isEndless(path: readonly string[], p: string, limit: number): boolean {
  return path.length > limit || (path.at(-1) === p && path.at(-2) === p);
}

/** A table of many functions is a dispatcher, and all of them count; a table of much else is data. */
function atMost(values: Values): Values {
  if (values.length <= MAX_VALUES) return values;
  let others = 0;
  let functions = 0;
  return values.filter((one) => (one.k === "function" ? ++functions <= MAX_FUNCTIONS : ++others <= MAX_VALUES));
}

/** What a package hands to a callback. */
function handed(value: Value): Values {
  return value.k === "ext" && value.path.length < MAX_PATH ? [{ ...value, path: [...value.path, "cb"] }] : [];
}

/** A literal, or `{}` that stands in for something else: `{} as Client`. */
function saysNothing(value: Value): boolean {
  return value.k === "lit" || (value.k === "object" && value.e.props.length === 0) || value.k === "global";
}

function functionOf(b: Binding): FunctionFact | null {
  const only = b.sources.length === 1 ? b.sources[0] : undefined;
  return only?.k === "function" ? only.f : null;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
