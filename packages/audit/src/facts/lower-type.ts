import type { TSSignature, TSType, TSTypeName } from "oxc-parser";
import { keyName, type Lowering } from "./context.ts";
import type { TypeFact } from "./model.ts";

const NO_TYPE = { root: null, name: "", path: [], args: [], any: [], members: null, query: false };

/** Keeps the names in a type; everything computed about types is left out. */
export function lowerType(on: Lowering, node: TSType): TypeFact {
  switch (node.type) {
    case "TSTypeReference": {
      const type = named(on, node.typeName);
      if (node.typeArguments) type.args = node.typeArguments.params.map((one) => on.typeOf(one));
      return type;
    }
    case "TSTypeQuery": {
      if (node.exprName.type === "TSImportType") return { ...NO_TYPE };
      const type = named(on, node.exprName);
      type.query = true;
      return type;
    }
    case "TSUnionType":
    case "TSIntersectionType":
      return { ...NO_TYPE, any: node.types.map((one) => on.typeOf(one)) };
    case "TSArrayType":
      return { ...NO_TYPE, name: "Array", args: [on.typeOf(node.elementType)] };
    case "TSTypeOperator":
    case "TSParenthesizedType":
      return on.typeOf(node.typeAnnotation);
    case "TSTypeLiteral":
      return { ...NO_TYPE, members: lowerMembers(on, node.members) };
    case "TSFunctionType":
      return { ...NO_TYPE, name: "Function" };
    case "TSIndexedAccessType": {
      const whole = on.typeOf(node.objectType);
      const index = node.indexType;
      if (index.type === "TSLiteralType" && index.literal.type === "Literal")
        return {
          ...NO_TYPE,
          root: whole.root,
          name: whole.name,
          path: [...whole.path, `[${String(index.literal.value)}]`],
        };
      return { ...NO_TYPE };
    }
    default:
      return { ...NO_TYPE, name: KEYWORDS[node.type] ?? "" };
  }
}

const KEYWORDS: Record<string, string> = {
  TSStringKeyword: "string",
  TSNumberKeyword: "number",
  TSBooleanKeyword: "boolean",
};

export function lowerMembers(on: Lowering, members: TSSignature[]): Record<string, TypeFact> {
  const result: Record<string, TypeFact> = Object.create(null);
  for (const one of members) {
    if (one.type !== "TSPropertySignature" || !one.typeAnnotation) continue;
    const name = keyName(one.key, one.computed);
    if (name !== null) result[name] = on.typeOf(one.typeAnnotation.typeAnnotation);
  }
  return result;
}

function named(on: Lowering, node: TSTypeName): TypeFact {
  const path: string[] = [];
  let at: TSTypeName = node;
  while (at.type === "TSQualifiedName") {
    path.unshift(at.right.name);
    at = at.left;
  }
  const name = at.type === "Identifier" ? at.name : "this";
  const type: TypeFact = { ...NO_TYPE, name, path };
  on.pendingTypes.push({ type, scope: on.scope });
  return type;
}
