import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import { parsePattern, segmentMatches } from "../src/catalogue/pattern.ts";

/**
 * What the declarations of a package have, by name and without a type checker: each type with its members, each member
 * with the names of the types it leads to. Types of the same name are one, so an answer is sooner yes than no.
 */
export interface Declared {
  types: Map<string, DeclaredType>;
  /** Every name that is declared at all. */
  names: Set<string>;
  files: number;
  /** Read from JavaScript: only names are known, not what they belong to. */
  javascript: boolean;
}

interface DeclaredType {
  members: Map<string, Set<string>>;
  /** What it takes members from: its bases, and what an alias stands for. */
  from: Set<string>;
}

/** `chain`: each segment leads to the next. `names`: every name is declared somewhere. */
export type Answer = "chain" | "names" | null;

interface Node {
  type: string;
  [key: string]: unknown;
}

const DECLARATION = /\.d\.[cm]?ts$/;
const SCRIPT = /\.[cm]?js$/;
const MAX_BYTES = 8_000_000;

export function readDeclared(folders: readonly string[]): Declared {
  const declared: Declared = { types: new Map(), names: new Set(), files: 0, javascript: false };
  const all = folders.filter((one) => existsSync(one)).flatMap(filesIn);
  let files = all.filter((one) => DECLARATION.test(one));
  if (files.length === 0) {
    files = all.filter((one) => SCRIPT.test(one));
    declared.javascript = true;
  }
  for (const file of files) {
    const text = readFileSync(file, "utf8");
    if (text.length > MAX_BYTES) continue;
    const { program } = parseSync(file, text);
    declared.files++;
    walk(program as unknown as Node, "<module>", declared);
  }
  return declared;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
    const path = join(folder, one.name);
    if (one.isDirectory()) return one.name === "node_modules" ? [] : filesIn(path);
    return one.isFile() ? [path] : [];
  });
}

export function answerOf(text: string, declared: Declared): Answer {
  const { segments, condition } = parsePattern(text);
  const names = segments.filter((one) => one !== "()" && one !== "default");
  // The command is the package's own; `send` comes from the client that all of them share.
  if (condition?.kind === "command" && names.length === 1 && names[0] === "send")
    return declared.names.has(condition.name) ? "chain" : null;
  const has = (name: string) => name === "*" || [...declared.names].some((one) => segmentMatches(name, one));
  if (condition?.kind === "command" && !declared.names.has(condition.name)) return null;
  // A list of alternatives has each of them.
  if (!names.every((name) => name.split("|").every(has))) return null;
  return leads(names, declared) ? "chain" : "names";
}

function leads(names: readonly string[], declared: Declared): boolean {
  if (declared.javascript) return false;
  let at = new Set(declared.types.keys());
  for (const [index, name] of names.entries()) {
    const next = new Set<string>();
    let found = false;
    for (const owner of index === 0 ? at : withBases(at, declared))
      for (const [member, refs] of declared.types.get(owner)?.members ?? []) {
        if (!segmentMatches(name, member)) continue;
        found = true;
        for (const one of refs) next.add(one);
      }
    if (!found) return false;
    at = next;
  }
  return true;
}

function withBases(start: Set<string>, declared: Declared): Set<string> {
  const all = new Set(start);
  for (const one of all) for (const base of declared.types.get(one)?.from ?? []) all.add(base);
  return all;
}

function walk(node: Node, owner: string, into: Declared): void {
  switch (node.type) {
    case "ClassDeclaration":
    case "ClassExpression":
    case "TSInterfaceDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration": {
      const name = nameOf(node.id) ?? owner;
      member(into, owner, name).add(name);
      const type = typeOf(into, name);
      for (const base of [node.superClass, node.extends, node.implements])
        for (const ref of refsIn(base)) type.from.add(ref);
      for (const child of childrenOf(node.body)) walk(child, name, into);
      return;
    }
    case "TSTypeAliasDeclaration": {
      const name = nameOf(node.id) ?? owner;
      member(into, owner, name).add(name);
      const type = typeOf(into, name);
      for (const ref of refsIn(node.typeAnnotation)) type.from.add(ref);
      nested(node.typeAnnotation, name, into);
      return;
    }
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "PropertyDefinition":
    case "AccessorProperty":
    case "TSAbstractPropertyDefinition":
    case "MethodDefinition":
    case "TSAbstractMethodDefinition":
    case "Property": {
      const name = nameOf(node.key);
      if (name === undefined) break;
      const refs = member(into, owner, name);
      const inner = `${owner}/${name}`;
      refs.add(inner);
      for (const ref of [...refsIn(node.typeAnnotation), ...refsIn(node.returnType), ...refsIn(resultOf(node.value))])
        refs.add(ref);
      for (const one of [node.typeAnnotation, node.returnType, node.value]) nested(one, inner, into);
      return;
    }
    case "VariableDeclarator":
    case "FunctionDeclaration":
    case "TSDeclareFunction": {
      const name = nameOf(node.id);
      if (name === undefined) break;
      const refs = member(into, owner, name);
      const inner = `${owner}/${name}`;
      refs.add(inner).add(name);
      const annotation = (node.id as Node | null)?.typeAnnotation ?? node.returnType;
      for (const ref of refsIn(annotation)) refs.add(ref);
      // A constant that other declarations name with `typeof`.
      for (const ref of refsIn(annotation)) typeOf(into, name).from.add(ref);
      nested(annotation, inner, into);
      typeOf(into, name).from.add(inner);
      for (const one of [node.init, node.body]) nested(one, inner, into);
      return;
    }
    case "TSCallSignatureDeclaration": {
      // Called, it leads where its result leads: `services("VA…").verifications`.
      for (const ref of refsIn(node.returnType)) typeOf(into, owner).from.add(ref);
      return;
    }
    case "ExportSpecifier": {
      const name = nameOf(node.exported);
      const local = nameOf(node.local);
      if (name !== undefined && local !== undefined) member(into, owner, name).add(local);
      return;
    }
    case "ImportSpecifier": {
      const name = nameOf(node.local);
      const imported = nameOf(node.imported);
      if (name !== undefined && imported !== undefined && name !== imported) typeOf(into, name).from.add(imported);
      return;
    }
    case "ExportAllDeclaration": {
      const name = nameOf(node.exported);
      if (name !== undefined) member(into, owner, name).add("<module>");
      return;
    }
    case "AssignmentExpression": {
      const left = node.left as Node;
      const name = left.type === "MemberExpression" ? nameOf(left.property) : undefined;
      if (name !== undefined) member(into, owner, name);
      break;
    }
  }
  for (const child of childrenOf(node)) walk(child, owner, into);
}

/** Members of type literals and function bodies inside an annotation. */
function nested(value: unknown, owner: string, into: Declared): void {
  if (isNode(value)) walk(value, owner, into);
}

/** A method says where it leads with what it returns, not with what it takes. */
function resultOf(value: unknown): unknown {
  return isNode(value) && "returnType" in value ? value.returnType : undefined;
}

function refsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (!isNode(value)) return [];
  if (value.type === "TSFunctionType" || value.type === "TSConstructorType") return refsIn(value.returnType);
  if (value.type === "TSTypeLiteral") return [];
  if (value.type === "TSQualifiedName") return refsIn(value.right);
  if (value.type === "MemberExpression") return refsIn(value.property);
  if (value.type === "Identifier") return [value.name as string];
  return childrenOf(value).flatMap(refsIn);
}

function typeOf(into: Declared, name: string): DeclaredType {
  let type = into.types.get(name);
  if (!type) {
    type = { members: new Map(), from: new Set() };
    into.types.set(name, type);
  }
  return type;
}

function member(into: Declared, owner: string, name: string): Set<string> {
  into.names.add(name);
  const { members } = typeOf(into, owner);
  let refs = members.get(name);
  if (!refs) {
    refs = new Set();
    members.set(name, refs);
  }
  return refs;
}

function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (typeof value.name === "string") return value.name;
  return typeof value.value === "string" ? value.value : undefined;
}

function childrenOf(value: unknown): Node[] {
  if (Array.isArray(value)) return value.filter(isNode);
  if (!isNode(value)) return [];
  return Object.values(value).flatMap((one) => (Array.isArray(one) ? one.filter(isNode) : isNode(one) ? [one] : []));
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}
