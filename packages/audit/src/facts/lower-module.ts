import type { Declaration, Expression, ModuleDeclaration, ModuleExportName } from "oxc-parser";
import { type Lowering, reference } from "./context.ts";

/** Imports and exports. */
export function lowerModuleStatement(
  on: Lowering,
  node: ModuleDeclaration,
  declare: (declaration: Declaration) => void,
): void {
  const exports = on.file.exports;
  switch (node.type) {
    case "ImportDeclaration": {
      const from = node.source.value;
      on.file.requests.push(from);
      for (const one of node.specifiers) {
        const binding = on.scope.declare(on.file, one.local.name, "import", one.local.start);
        const name =
          one.type === "ImportSpecifier"
            ? nameOf(one.imported)
            : one.type === "ImportDefaultSpecifier"
              ? "default"
              : "*";
        const typeOnly = node.importKind === "type" || (one.type === "ImportSpecifier" && one.importKind === "type");
        binding.imported = { from, name, typeOnly };
      }
      return;
    }
    case "ExportAllDeclaration":
      on.file.requests.push(node.source.value);
      exports.push({
        name: node.exported ? nameOf(node.exported) : "*",
        value: null,
        from: node.source.value,
        importName: "*",
      });
      return;
    case "ExportNamedDeclaration":
      if (node.declaration) {
        declare(node.declaration);
        for (const name of declaredNames(node.declaration))
          exports.push({ name, value: reference(on, name), from: null, importName: null });
      }
      if (node.source) on.file.requests.push(node.source.value);
      for (const one of node.specifiers) {
        const name = nameOf(one.exported);
        const local = nameOf(one.local);
        if (node.source) exports.push({ name, value: null, from: node.source.value, importName: local });
        else exports.push({ name, value: reference(on, local), from: null, importName: null });
      }
      return;
    case "ExportDefaultDeclaration": {
      const what = node.declaration;
      if (what.type === "TSInterfaceDeclaration") {
        declare(what);
        return;
      }
      if ((what.type === "FunctionDeclaration" || what.type === "ClassDeclaration") && what.id) {
        declare(what);
        exports.push({ name: "default", value: reference(on, what.id.name), from: null, importName: null });
        return;
      }
      const value = on.expression(what as Expression);
      if (value.k === "function") value.f.name ||= "default";
      exports.push({ name: "default", value, from: null, importName: null });
      return;
    }
    case "TSExportAssignment":
      exports.push({ name: "default", value: on.expression(node.expression), from: null, importName: null });
      return;
    default:
      return;
  }
}

function nameOf(name: ModuleExportName): string {
  return name.type === "Literal" ? name.value : name.name;
}

function declaredNames(node: Declaration): string[] {
  if (node.type === "VariableDeclaration") return node.declarations.flatMap((one) => namesIn(one.id));
  return "id" in node && node.id?.type === "Identifier" ? [node.id.name] : [];
}

type Pattern = Extract<Declaration, { type: "VariableDeclaration" }>["declarations"][number]["id"];

function namesIn(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "ObjectPattern":
      return pattern.properties.flatMap((one) => namesIn(one.type === "RestElement" ? one.argument : one.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((one) =>
        one === null ? [] : namesIn(one.type === "RestElement" ? one.argument : one),
      );
  }
}
