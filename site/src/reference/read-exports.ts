import ts from "typescript";
import type { Subpath } from "./subpaths.ts";

export type Kind = "function" | "class" | "constant" | "type";

/** A symbol that the package exports, as its declarations describe it. */
export interface Exported {
  readonly name: string;
  readonly kind: Kind;
  /** The docstring, without its tags. Empty when there is none. */
  readonly docs: string;
  readonly tags: readonly { readonly name: string; readonly text: string }[];
  /** The declaration, with the comments of its members. */
  readonly code: string;
  /** The same symbol under every subpath: the file of its declaration, and its name there. */
  readonly origin: string;
  /** Origins of the exported symbols that the declaration names. */
  readonly uses: readonly string[];
}

/**
 * The exports of every subpath. From the built declarations, not from the source: they are what a user's editor shows.
 *
 * @throws Error when there is no build
 */
export function readExports(paths: readonly Subpath[]): ReadonlyMap<Subpath, readonly Exported[]> {
  const program = programOf(paths.map(({ file }) => file));
  const checker = program.getTypeChecker();
  const read = new Map<Subpath, readonly Exported[]>();
  for (const path of paths) {
    const source = program.getSourceFile(path.file);
    const symbol = source && checker.getSymbolAtLocation(source);
    if (!symbol) throw new Error(`${path.file} is missing: build packages/onceguard first.`);
    const symbols = checker.getExportsOfModule(symbol).map((one) => resolved(one, checker));
    read.set(
      path,
      symbols.map(([name, target]) => describe(name, target, checker)),
    );
  }
  return read;
}

/** Of our own declarations only: what frameworks declare is large, and no part of the reference. */
function programOf(files: readonly string[]): ts.Program {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    skipLibCheck: true,
    noLib: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) =>
      text.startsWith(".")
        ? ts.resolveModuleName(text, from, options, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined },
    );
  return ts.createProgram(files, options, host);
}

function resolved(symbol: ts.Symbol, checker: ts.TypeChecker): readonly [name: string, ts.Symbol] {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  return [symbol.name, isAlias ? checker.getAliasedSymbol(symbol) : symbol];
}

function describe(name: string, symbol: ts.Symbol, checker: ts.TypeChecker): Exported {
  const declarations = symbol.declarations ?? [];
  return {
    name,
    kind: kindOf(symbol),
    docs: plain(ts.displayPartsToString(symbol.getDocumentationComment(checker))),
    tags: symbol
      .getJsDocTags(checker)
      .map((tag) => ({ name: tag.name, text: plain(ts.displayPartsToString(tag.text)) })),
    code: declarations.map(codeOf).join("\n"),
    origin: originOf(symbol),
    uses: [...new Set(declarations.flatMap((declaration) => usedBy(declaration, checker)))],
  };
}

function kindOf({ flags }: ts.Symbol): Kind {
  if (flags & ts.SymbolFlags.Function) return "function";
  if (flags & ts.SymbolFlags.Class) return "class";
  return flags & ts.SymbolFlags.Variable ? "constant" : "type";
}

function originOf(symbol: ts.Symbol): string {
  return `${symbol.declarations?.[0]?.getSourceFile().fileName} ${symbol.name}`;
}

function codeOf(declaration: ts.Declaration): string {
  const whole = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return whole
    .getText()
    .replace(/^export (?:default )?(?:declare )?/, "")
    .replaceAll(/^ {4,}/gm, (blanks) => " ".repeat(blanks.length / 2))
    .replaceAll(/^\s*#private;\n/gm, "");
}

function usedBy(declaration: ts.Declaration, checker: ts.TypeChecker): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
      const symbol = checker.getSymbolAtLocation(name);
      if (symbol) found.push(originOf(resolved(symbol, checker)[1]));
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found;
}

/** `{@link X}` is for editors. */
function plain(text: string): string {
  return text.replaceAll(/\{@link ([^}]+)\}/g, "`$1`").trim();
}
