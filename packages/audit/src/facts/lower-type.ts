import type { TSSignature, TSType, TSTypeName } from "oxc-parser";
import { keyName, type Lowering } from "./context.ts";
import { NONE } from "./lists.ts";
import type { TypeFact } from "./model.ts";

/** Says nothing. Nothing is ever added to it, so that there is only one. */
const NO_TYPE: TypeFact = { root: null, name: "", path: NONE, args: NONE, any: NONE, members: null, query: false };

/** Keeps the names in a type; everything computed about types is left out. */
export function lowerType(on: Lowering, node: TSType): TypeFact {
  switch (node.type) {
    case "TSTypeReference": {
      const type = qualified(on, node.typeName);
      if (node.typeArguments) type.args = node.typeArguments.params.map((one) => on.typeOf(one));
      return type;
    }
    case "TSTypeQuery": {
      if (node.exprName.type === "TSImportType") return NO_TYPE;
      const type = qualified(on, node.exprName);
      type.query = true;
      return type;
    }
    case "TSUnionType":
    case "TSIntersectionType":
      return lowerAlternatives(on, node.types);
    case "TSArrayType":
      return { ...NO_TYPE, name: "Array", args: [on.typeOf(node.elementType)] };
    case "TSTypeOperator":
    case "TSParenthesizedType":
      return on.typeOf(node.typeAnnotation);
    case "TSTypeLiteral":
      return shapeType(on, node.members);
    case "TSIndexedAccessType": {
      const type = on.typeOf(node.objectType);
      const index = node.indexType;
      if (type.name === "" || index.type !== "TSLiteralType" || index.literal.type !== "Literal") return NO_TYPE;
      type.path = [...type.path, `[${String(index.literal.value)}]`];
      return type;
    }
    default:
      return NO_TYPE;
  }
}

/** The members of an interface whose types say what they may be: `name: string` does not. */
function lowerMembers(on: Lowering, members: TSSignature[]): Map<string, TypeFact> {
  const result = new Map<string, TypeFact>();
  for (const one of members) {
    if (one.type !== "TSPropertySignature" || !one.typeAnnotation) continue;
    const name = keyName(one.key, one.computed);
    const type = on.typeOf(one.typeAnnotation.typeAnnotation);
    if (name !== null && type !== NO_TYPE) result.set(name, type);
  }
  return result;
}

/** A type by its name, which is looked up when all declarations of the file are known. */
export function namedType(on: Lowering, name: string, path: string[] = NONE): TypeFact {
  const type: TypeFact = { ...NO_TYPE, name, path };
  on.pendingTypes.push({ type, scope: on.scope });
  return type;
}

/** An object type, or an interface. */
export function shapeType(on: Lowering, members: TSSignature[]): TypeFact {
  return { ...NO_TYPE, members: lowerMembers(on, members) };
}

function qualified(on: Lowering, node: TSTypeName): TypeFact {
  let path: string[] = NONE;
  let at: TSTypeName = node;
  while (at.type === "TSQualifiedName") {
    path = [at.right.name, ...path];
    at = at.left;
  }
  return namedType(on, at.type === "Identifier" ? at.name : "this", path);
}

/** What is left of a union without `undefined`, texts and numbers. */
function lowerAlternatives(on: Lowering, nodes: TSType[]): TypeFact {
  const any = nodes.map((one) => on.typeOf(one)).filter((one) => one !== NO_TYPE);
  return any.length < 2 ? (any[0] ?? NO_TYPE) : { ...NO_TYPE, any };
}
