import { describe, expect, it } from "vitest";
import { buildCallGraph } from "../src/calls/call-graph.ts";
import type { Binding } from "../src/facts/model.ts";
import { loadProject } from "../src/project/load-project.ts";
import { Evaluator } from "../src/values/evaluator.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

describe("values of expressions", () => {
  it("are answered by the one who is asked, though facts keep the answers of another", () => {
    const project = loadProject(
      temporaryFolder({ "a.ts": 'export function pay(currency: string) { return currency; }\npay("eur");\n' }),
      { cacheFolder: null },
    );
    const currency = project.files.get("a.ts")?.bindings.find((one) => one.name === "currency") as Binding;
    const kinds = (evaluator: Evaluator) => evaluator.ofBinding(currency).map((one) => one.k);
    const first = new Evaluator(project);
    expect(kinds(first)).toEqual(["param"]);
    buildCallGraph(first);
    expect(kinds(first)).toEqual(["lit"]);
    // It knows no callers.
    expect(kinds(new Evaluator(project))).toEqual(["param"]);
    expect(kinds(first)).toEqual(["lit"]);
  });

  it("are one for the same way into a package, whoever asks", () => {
    const project = loadProject(
      temporaryFolder({
        "a.ts": 'import { api } from "acme";\nexport const list = [api.orders, api.orders, api["orders"]];\n',
        "b.ts": 'import { api } from "acme";\nexport const one = api.orders;\n',
      }),
      { cacheFolder: null },
    );
    const evaluator = new Evaluator(project);
    const valuesOf = (path: string, name: string) => {
      const binding = project.files.get(path)?.bindings.find((one) => one.name === name) as Binding;
      return evaluator.ofBinding(binding);
    };
    const [list] = valuesOf("a.ts", "list");
    expect(list).toMatchObject({ k: "array", e: [{ k: "ext", pkg: "acme", path: ["api", "orders"] }] });
    expect(list?.k === "array" && list.e[0]).toBe(valuesOf("b.ts", "one")[0]);
  });
});
