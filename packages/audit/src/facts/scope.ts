import { NONE } from "./lists.ts";
import type { Binding, FileFacts, FunctionFact } from "./model.ts";
import { sameName } from "./names.ts";

/** Lexical scopes while one file is lowered. References are resolved late, because functions and vars are hoisted. */
export class Scope {
  #names: Map<string, Binding> | null = null;
  readonly parent: Scope | null;
  readonly fn: FunctionFact | null;
  /** Where `var` goes. */
  readonly hoist: Scope;

  constructor(parent: Scope | null, fn: FunctionFact | null, isFunction: boolean) {
    this.parent = parent;
    this.fn = fn;
    this.hoist = isFunction || parent === null ? this : parent.hoist;
  }

  find(name: string): Binding | null {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const found = scope.#names?.get(name);
      if (found) return found;
    }
    return null;
  }

  declare(file: FileFacts, given: string, kind: Binding["kind"], pos: number): Binding {
    const name = sameName(given);
    const target = kind === "var" ? this.hoist : this;
    target.#names ??= new Map();
    const existing = target.#names.get(name);
    // `var` twice, an overload, or an interface merged with a class: one binding.
    if (existing && existing.kind !== "import") {
      if (existing.kind === "type" && kind !== "type") existing.kind = kind;
      return existing;
    }
    const binding: Binding = {
      name,
      kind,
      file,
      fn: target.fn,
      sources: NONE,
      type: null,
      param: null,
      imported: null,
      decl: null,
      reassigned: false,
      pos,
      answer: null,
    };
    target.#names.set(name, binding);
    file.bindings.push(binding);
    return binding;
  }
}

/**
 * A reference that waits until all declarations of the file are known: then `b` is its binding, or null. It has the form
 * of both expressions that it may become, so that all references of a project have one.
 */
export interface PendingReference {
  k: "global" | "ref";
  name: string;
  b: Scope | Binding | null;
}
