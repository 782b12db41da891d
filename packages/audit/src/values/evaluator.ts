import { NONE } from "../facts/lists.ts";
import type { Binding, CallFact, ExportFact, Expr, FileFacts, FunctionFact, TypeFact } from "../facts/model.ts";
import { packageName } from "../project/packages.ts";
import { type Project, WriteIndex } from "../project/project.ts";
import { type Answer, Answers } from "./answers.ts";
import { arrayCall, isArrayCallback } from "./array-calls.ts";
import { ClassIndex } from "./class-index.ts";
import { typeValues } from "./type-values.ts";
import {
  compact,
  type ExtValue,
  extValue,
  globalValue,
  madeBy,
  step,
  unique,
  type Value,
  type Values,
} from "./value.ts";

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
  readonly #properties: Map<object, Map<string, Answer>> = new Map();
  readonly #exports: Map<FileFacts, Map<string, Answer>> = new Map();
  readonly #exportIndex: Map<FileFacts, { named: Map<string, ExportFact[]>; stars: string[] }> = new Map();
  readonly #globals: Map<string, Values> = new Map();
  readonly #packages: Map<string, ExtValue> = new Map();
  /** Objects whose properties are being worked out; expressions and bindings hold PENDING instead. */
  readonly #active: Set<object> = new Set();
  readonly #callbacks: Map<FunctionFact, { call: CallFact; index: number }[]> = new Map();
  #callers: Callers | null = null;
  #depth = 0;
  /** How many questions are being worked out, each for the one before. */
  #open = 0;
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
        for (let index = 0; index < call.args.length; index++) {
          const arg = call.args[index] as Expr;
          const fn = arg.k === "function" ? arg.f : arg.k === "ref" ? functionOf(arg.b) : null;
          if (fn) push(this.#callbacks, fn, { call, index });
        }
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
        return this.#global(expr.name);
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

  #global(name: string): Values {
    let known = this.#globals.get(name);
    if (!known) {
      known = [globalValue([name])];
      this.#globals.set(name, known);
    }
    return known;
  }

  /** A name of a package; "*" is the package itself. */
  #package(pkg: string, name: string): Value {
    let whole = this.#packages.get(pkg);
    if (!whole) {
      whole = extValue(pkg, []);
      this.#packages.set(pkg, whole);
    }
    return name === "*" ? whole : step(whole, name);
  }

  ofBinding(b: Binding): Values {
    return this.#answer(b);
  }

  /** What has to be worked out is worked out once. Inside a cycle the answer is cut short. */
  #answer(what: Derived | Binding): Values {
    const known = this.#answers.reuse(what.answer as Answer | null);
    if (known) return known;
    const cut = this.#cut;
    if (!this.#enter(what.answer === PENDING)) return NONE;
    what.answer = PENDING;
    const outer = this.#answers.begin();
    const values = "k" in what ? this.#derived(what) : this.#binding(what);
    const answer = this.#answers.end(outer, values, cut !== this.#cut);
    this.#leave();
    // What was cut short and found nothing is asked again.
    what.answer = cut === this.#cut || values.length > 0 || this.#open === 0 ? answer : null;
    return values;
  }

  /** Not twice into the same, not too deep, and not for too long. */
  #enter(isInside: boolean): boolean {
    if (this.#open === 0) this.#budget = MAX_STEPS;
    if (isInside || this.#depth > MAX_DEPTH || --this.#budget < 0) {
      this.#cut++;
      return false;
    }
    this.#open++;
    this.#depth++;
    return true;
  }

  #leave(): void {
    this.#open--;
    this.#depth--;
  }

  /** Like all that is answered: a list to keep. */
  #derived(expr: Derived): Values {
    switch (expr.k) {
      case "member":
        return this.#member(expr);
      case "call":
        return this.ofCall(expr.c);
      case "array":
        return [{ k: "array", e: unique(expr.e.slice(0, MAX_ELEMENTS).flatMap((one) => this.#element(one))) }];
      case "either":
        return this.#any(expr.op === "&&" ? expr.e.slice(-1) : expr.e);
      case "super":
        return expr.cls?.superClass ? kept(this.of(expr.cls.superClass).flatMap((one) => instantiate(one))) : NONE;
      case "import":
        return expr.from.k === "lit" && typeof expr.from.v === "string"
          ? kept(this.imported(expr.file, expr.from.v, "*"))
          : NONE;
    }
  }

  /** What any of some expressions may be. */
  #any(exprs: readonly Expr[]): Values {
    return exprs.length === 1 ? this.of(exprs[0] as Expr) : kept(exprs.flatMap((one) => this.of(one)));
  }

  #element(expr: Expr): Values {
    const values = this.of(expr);
    return expr.k === "spread" ? values.flatMap((one) => (one.k === "array" ? one.e : [])) : values;
  }

  #binding(b: Binding): Values {
    if (b.imported) return kept(this.imported(b.file, b.imported.from, b.imported.name));
    if (!b.param) {
      const assigned = this.#any(b.sources);
      return b.type && assigned.every(saysNothing) ? kept([...assigned, ...this.ofType(b)]) : assigned;
    }
    const values = b.sources.flatMap((one) => this.of(one));
    const typed = this.ofType(b);
    values.push(...typed);
    if (typed.every((one) => one.k === "shape")) values.push(...this.#passed(b));
    return values.length > 0 ? kept(values) : [{ k: "param", b }];
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
    const callers = this.#callers?.of(fn) ?? NONE;
    for (let at = 0; at < callers.length && at < MAX_CALLERS; at++) {
      const { call, offset } = callers[at] as (typeof callers)[number];
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
    if (name === "PrismaClient") return [extValue("@prisma/client", [name])];
    if (request.startsWith(".")) {
      // The stubs of a service are made when somebody builds: they are something outside.
      const stub = STUBS.exec(request);
      return stub ? [this.#package(`(stub)/${stub[1]}`, name)] : [];
    }
    return [this.#package(packageName(request), name)];
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
    if (on.length === 1 && writes.length === 0) {
      const only = on[0] as Value;
      return only.k === "object" ? this.#property(only.e, expr.p) : kept(this.memberOf(only, expr.p));
    }
    const values = on.flatMap((one) => this.memberOf(one, expr.p));
    for (const write of writes) if (write.p === expr.p || expr.p === "[]") values.push(...this.of(write.value));
    return kept(values);
  }

  memberOf(value: Value, p: string): Values {
    switch (value.k) {
      case "ext":
        return isEndless(value.path, p, MAX_PATH) ? [] : [step(value, p)];
      case "global":
        return isEndless(value.path, p, MAX_GLOBAL_PATH) ? [] : [step(value, p)];
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
    if (!this.#enter(this.#active.has(object))) return NONE;
    this.#active.add(object);
    const outer = this.#answers.begin();
    const values: Value[] = [];
    for (const one of object.props) {
      // A table of thousands of entries is data.
      if (values.length > MAX_FUNCTIONS) break;
      if (one.key === "...") {
        for (const from of this.of(one.value)) if (from.k !== "lit") values.push(...this.memberOf(from, p));
      } else if (one.key === p || p === "[]" || one.key === "[]") values.push(...this.of(one.value));
    }
    this.#leave();
    this.#active.delete(object);
    const found = kept(values);
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
    if (array) return kept(array);
    if (c.isNew && c.callee.k === "global") {
      // `new Proxy(client, {...})` is still the client.
      if (c.callee.name === "Proxy" && first) return this.of(first);
      if (c.callee.name === "Map") return this.#mapOf(c);
    }
    const callees = this.of(c.callee);
    const only = callees.length === 1 && !c.isNew ? callees[0] : undefined;
    if (only?.k === "function") return this.returned(only.f);
    const values: Value[] = [];
    for (const callee of callees) {
      if (c.isNew) values.push(...instantiate(callee, c));
      else if (callee.k === "function") values.push(...this.returned(callee.f));
      else if (callee.k === "ext" || callee.k === "global") {
        // `promisify(client.charge.bind(client))` is `client.charge`, but for who is told.
        if (first && callee.path.at(-1) === "promisify") {
          values.push(...this.of(first));
          continue;
        }
        values.push(madeBy(callee, "()", c));
        // A package that takes a function usually gives it back wrapped.
        if (callee.k === "ext") for (const arg of c.args) values.push(...this.#functions(arg));
      }
      if (values.length > MAX_VALUES) break;
    }
    return kept(values);
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
    if (!target) return request.startsWith(".") ? NONE : [this.#package(packageName(request), "*")];
    const whole = this.exported(target, "default");
    return whole.length > 0 ? kept(whole) : [{ k: "namespace", file: target }];
  }

  returned(fn: FunctionFact): Values {
    const values = this.#any(fn.returns);
    const telling = !fn.returnType || values.some((one) => one.k !== "lit" && one.k !== "param");
    return telling ? values : kept([...values, ...typeValues(this, fn.returnType as TypeFact)]);
  }
}

const STUBS = /([^/]+(?:_grpc_pb|_grpc|_connect|_pb))(?:\.js)?$/;

/** What compilers write around `require`: `__importStar(require("x"))` is x. */
const INTEROP = /^_{1,2}(?:importStar|importDefault|interopRequire(?:Default|Wildcard))$/;

function nameOf(callee: Expr): string {
  if (callee.k === "member") return callee.p;
  return callee.k === "ref" ? callee.b.name : callee.k === "global" ? callee.name : "";
}

/** What does not stand for itself. */
type Derived = Extract<Expr, { k: "member" | "call" | "array" | "either" | "super" | "import" }>;

/** `new x`. */
export function instantiate(value: Value, c: CallFact | null = null): Values {
  if (value.k === "class") return [{ k: "instance", c: value.c }];
  return value.k === "ext" || value.k === "global" ? [madeBy(value, "new", c)] : [];
}

/** `at = at.parent` walks on as long as it is followed. */
function isEndless(path: readonly string[], p: string, limit: number): boolean {
  return path.length > limit || (path.at(-1) === p && path.at(-2) === p);
}

/** In place of an answer that is being worked out. */
const PENDING: Answer = { by: null, values: NONE, dependencies: NONE, round: 0 };

/** A list to keep: one of each, not too many, and no more room than they need. */
function kept(values: Values): Values {
  return compact(atMost(unique(values)));
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
  return value.k === "ext" && value.path.length < MAX_PATH ? [step(value, "cb")] : [];
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
