import type { Binding, ClassFact, Expr, TypeFact } from "../facts/model.ts";
import type { Project } from "../project/project.ts";
import { step, type Value, type Values } from "./value.ts";

type Found = { k: "expr"; e: Expr } | { k: "type"; t: TypeFact } | { k: "value"; v: Value };

const MAX_OVERRIDES = 40;

/** Who extends and implements what, and where the members of a class come from. */
export class ClassIndex {
  readonly #subclasses: Map<ClassFact, ClassFact[]> = new Map();
  readonly #implementors: Map<Binding, ClassFact[]> = new Map();
  readonly #parents: Map<ClassFact, Values> = new Map();
  readonly #values: (expr: Expr) => Values;
  readonly #declared: Map<Binding, Binding | null> = new Map();
  #built = false;
  readonly #project: Project;

  constructor(project: Project, values: (expr: Expr) => Values) {
    this.#project = project;
    this.#values = values;
  }

  /** Late, because it needs values, which need this index. */
  #build(): void {
    if (this.#built) return;
    this.#built = true;
    for (const file of this.#project.files.values())
      for (const cls of file.classes) {
        for (const parent of this.parents(cls)) if (parent.k === "class") add(this.#subclasses, parent.c, cls);
        for (const type of cls.implements) if (type.root) add(this.#implementors, this.#declaration(type.root), cls);
      }
  }

  parents(cls: ClassFact): Values {
    let parents = this.#parents.get(cls);
    if (!parents) {
      this.#parents.set(cls, []);
      parents = cls.superClass ? this.#values(cls.superClass) : [];
      this.#parents.set(cls, parents);
    }
    return parents;
  }

  /** An imported interface is the one it is imported from. */
  #declaration(binding: Binding): Binding {
    let at = binding;
    for (let hops = 0; at.imported && hops < 10; hops++) {
      const next = this.declarationOf(at);
      if (!next || next === at) break;
      at = next;
    }
    return at;
  }

  /** The binding that an import stands for, if it is declared in the project. */
  declarationOf(binding: Binding): Binding | null {
    let declared = this.#declared.get(binding);
    if (declared === undefined) {
      declared = this.#declarationOf(binding, 0);
      this.#declared.set(binding, declared);
    }
    return declared;
  }

  #declarationOf(binding: Binding, hops: number): Binding | null {
    const from = binding.imported;
    if (!from) return binding;
    return this.#exportedName(binding.file.path, from.from, from.name, hops + 1);
  }

  #exportedName(importer: string, request: string, name: string, hops: number): Binding | null {
    const path = this.#project.resolver.resolve(importer, request);
    const file = path === null ? undefined : this.#project.files.get(path);
    if (!file || hops > 10) return null;
    for (const one of file.exports) {
      if (one.name === name && one.value?.k === "ref") return this.#declarationOf(one.value.b, hops) ?? one.value.b;
      if (one.name === name && one.from !== null)
        return this.#exportedName(file.path, one.from, one.importName ?? name, hops + 1);
    }
    for (const one of file.exports)
      if (one.name === "*" && one.from !== null) {
        const found = this.#exportedName(file.path, one.from, name, hops + 1);
        if (found) return found;
      }
    return null;
  }

  implementors(binding: Binding): ClassFact[] {
    this.#build();
    return this.#implementors.get(this.#declaration(binding)) ?? [];
  }

  /** The same class, or one that extends it. */
  isKindOf(cls: ClassFact, ancestor: ClassFact, hops = 0): boolean {
    if (cls === ancestor) return true;
    if (hops > 10) return false;
    return this.parents(cls).some((one) => one.k === "class" && this.isKindOf(one.c, ancestor, hops + 1));
  }

  /** The class and everything that extends it. */
  family(cls: ClassFact): ClassFact[] {
    this.#build();
    const all = [cls];
    for (const one of all) {
      for (const sub of this.#subclasses.get(one) ?? []) if (!all.includes(sub)) all.push(sub);
      if (all.length > MAX_OVERRIDES) break;
    }
    return all;
  }

  /** A member of an instance: its own, inherited, or of a subclass that the instance may be. */
  member(cls: ClassFact, p: string): Found[] {
    const found: Found[] = [];
    for (const one of this.family(cls)) found.push(...own(one, p));
    if (found.some((one) => one.k !== "type") && own(cls, p).length > 0) return found;
    found.push(...this.#inherited(cls, p, 0));
    return found;
  }

  #inherited(cls: ClassFact, p: string, hops: number): Found[] {
    if (hops > 10) return [];
    return this.parents(cls).flatMap((parent): Found[] => {
      if (parent.k === "class") {
        const found = own(parent.c, p);
        return found.length > 0 ? found : this.#inherited(parent.c, p, hops + 1);
      }
      if (parent.k === "ext") return [{ k: "value", v: step(step(parent, "new"), p) }];
      return [];
    });
  }

  static(cls: ClassFact, p: string): Found[] {
    const method = Object.hasOwn(cls.statics, p) ? cls.statics[p] : undefined;
    if (method) return [{ k: "value", v: { k: "function", f: method } }];
    const fields = cls.staticFields[p];
    if (fields) return fields.map((e) => ({ k: "expr", e }));
    return this.parents(cls).flatMap((parent) =>
      parent.k === "class" && parent.c !== cls ? this.static(parent.c, p) : [],
    );
  }
}

function own(cls: ClassFact, p: string): Found[] {
  const method = cls.methods[p] ?? cls.statics[p];
  if (method?.hasBody) return [{ k: "value", v: { k: "function", f: method } }];
  // `this` of a static method is the class itself.
  const found: Found[] = (cls.fields[p] ?? cls.staticFields[p] ?? []).map((e) => ({ k: "expr", e }));
  const type = cls.fieldTypes[p];
  if (type) found.push({ k: "type", t: type });
  return found;
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
