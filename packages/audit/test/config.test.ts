import { describe, expect, it } from "vitest";
import { CONFIG_NAME } from "../src/config.ts";
import { InputError } from "../src/input-error.ts";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const CODE = {
  "src/erp.ts": 'import { Erp } from "acme-erp";\nexport const erp = new Erp(process.env.ERP_URL);\n',
  "src/worker.ts":
    'import { consume } from "acme-jobs";\nimport { erp } from "./erp.ts";\nconsume("orders", {\n  onMessage: async (message: { id: string }) => {\n    await erp.orders.place({ id: message.id });\n    await erp.orders.find({ id: message.id });\n  },\n});\n',
};
const SINK = { id: "acme-erp", packages: ["acme-erp"], tier: "irreversible", kind: "order", write: ["orders.place"] };
const RETRY = {
  id: "queue:acme",
  packages: ["acme-jobs"],
  calls: ["consume"],
  properties: ["onMessage"],
  default: "20 deliveries",
};

function auditWith(config: unknown) {
  return runAudit(temporaryFolder({ ...CODE, [CONFIG_NAME]: JSON.stringify(config) })).report;
}

describe("the configuration", () => {
  it("adds effects and what repeats them", () => {
    expect(runAudit(temporaryFolder(CODE)).report.boundaries).toEqual([]);
    const { findings, boundaries } = auditWith({ sinks: [SINK], retries: [RETRY] });
    expect(boundaries.map((one) => `${one.name} ${one.place.line}`)).toEqual(["acme-erp orders.place 5"]);
    expect(findings.map((one) => `${one.rule} ${one.severity}`)).toEqual(["DUP009 critical"]);
    expect(findings[0]?.message).toContain("20 deliveries");
  });

  it("weighs a family by how surely it repeats", () => {
    const severity = (repeats: string) =>
      auditWith({ sinks: [SINK], retries: [{ ...RETRY, repeats }] }).findings.map((one) => one.severity);
    expect(severity("sometimes")).toEqual(["high"]);
    expect(severity("when-asked")).toEqual(["medium"]);
  });

  it("takes wrappers of a package", () => {
    const files = {
      "src/erp.ts": CODE["src/erp.ts"],
      "src/pay.ts":
        'import { again } from "acme-again";\nimport { erp } from "./erp.ts";\nexport const pay = (id: string) => again(() => erp.orders.place({ id }));\n',
      [CONFIG_NAME]: JSON.stringify({
        sinks: [SINK],
        retries: [{ id: "lib:acme-again", packages: ["acme-again"], calls: ["again"], wraps: true }],
      }),
    };
    expect(runAudit(temporaryFolder(files)).report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it.each([
    [{ sink: [] }, 'has no "sink"; known: sinks, retries, include, accept'],
    [{ sinks: [{ ...SINK, write: "orders.place" }] }, "sinks[0].write has to be a list of texts"],
    [{ sinks: [{ ...SINK, tier: "fatal" }] }, "sinks[0].tier has to be one of irreversible"],
    [{ sinks: [{ ...SINK, key: { place: "header", names: [], lifetimeHours: -1 } }] }, "a number above 0"],
    [{ retries: [{ ...RETRY, id: "acme" }] }, "retries[0].id has to be a kind and a name"],
    [{ retries: [{ ...RETRY, id: "bus:acme" }] }, "kinds: loop, lib, job, queue"],
    [{ retries: [{ ...RETRY, calls: [] }] }, "retries[0].calls has to name a call"],
    [{ retries: [{ ...RETRY, repeats: "often" }] }, "retries[0].repeats has to be one of always, sometimes"],
    [{ retries: [{ ...RETRY, wraps: "yes" }] }, "retries[0].wraps has to be true or false"],
    [{ accept: [{ path: "src", rules: ["DUP001"] }] }, "accept[0].reason has to be a text"],
  ])("says what is wrong with %j", (config, message) => {
    expect(() => auditWith(config)).toThrow(InputError);
    expect(() => auditWith(config)).toThrow(message);
  });
});
