import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { openTelemetry } from "../../src/telemetry/otel.ts";
import { METRIC } from "../../src/telemetry/semantic-conventions.ts";
import { Folder } from "../e2e/cli.ts";
import { testGuard } from "../support/guard.ts";
import { told } from "../support/otel.ts";

// The files in deploy/otel against what the code really tells.

const FOLDER = fileURLToPath(new URL("../../../../deploy/otel/", import.meta.url));
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

/** A little of everything, so that every metric there is has been told. */
async function everyMetric(): Promise<readonly MetricData[]> {
  const seen = told();
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    execute: async ({ orderId }: { orderId: string }) => {
      if (orderId === "lost") throw new Error("socket hang up");
    },
  });
  const { guard } = testGuard([pay], { telemetry: openTelemetry(seen) });
  for (const orderId of ["A1", "A1", "lost"]) await guard.execute("pay", { orderId });
  await guard.reconcile();
  return seen.metrics();
}

/** Names as the collector's Prometheus exporter makes them: with unit and kind behind, and no dots. */
function seriesOf({ descriptor, ...data }: MetricData): readonly string[] {
  const unit = descriptor.unit === "s" ? "_seconds" : "";
  const name = `${descriptor.name.replaceAll(".", "_")}${unit}`;
  if (data.dataPointType === DataPointType.HISTOGRAM) return [`${name}_bucket`, `${name}_count`, `${name}_sum`];
  return [data.dataPointType === DataPointType.SUM ? `${name}_total` : name];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: { readonly uid: string };
  readonly targets: readonly { readonly expr: string; readonly refId: string; readonly legendFormat: string }[];
}

describe("the Grafana dashboard", () => {
  const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
    readonly uid: string;
    readonly schemaVersion: number;
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  };
  const expressions = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
  ];
  const alerts = [...read("README.md").matchAll(/^\|.*\| `(.*)` \|$/gm)].map(([, expr]) => expr ?? "");
  let metrics: readonly MetricData[];
  beforeAll(async () => {
    metrics = await everyMetric();
  });

  it("asks for metrics that are told, all of them, and for no others", () => {
    const namesIn = (text: string) => text.match(/\b(?:onceguard|gen_ai)_\w+(?=\{|\[|\)|,)/g) ?? [];
    const asked = new Set(expressions.flatMap(namesIn));
    expect(alerts).toHaveLength(5);
    expect(alerts.flatMap(namesIn).filter((name) => !asked.has(name) && !labelsIn(metrics).includes(name))).toEqual([]);
    const labels = new Set(labelsIn(metrics));
    const series = metrics.flatMap(seriesOf);
    expect([...asked].filter((name) => !series.includes(name) && !labels.has(name))).toEqual([]);
    const unasked = metrics.filter((metric) => !seriesOf(metric).some((name) => asked.has(name)));
    expect(unasked.map(({ descriptor }) => descriptor.name)).toEqual([]);
    expect(metrics.map(({ descriptor }) => descriptor.name).sort()).toEqual(Object.values(METRIC).sort());
  });

  it("groups and filters by attributes that are told", () => {
    const known = new Set([...labelsIn(metrics), "le"]);
    const grouped = expressions.flatMap((expr) => [...expr.matchAll(/\bby \(([^)]*)\)/g)].map(([, by]) => by ?? ""));
    const filtered = expressions.flatMap((expr) => [...expr.matchAll(/(\w+)(?==~?"|!=")/g)].map(([, by]) => by ?? ""));
    const shown = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ legendFormat }) => [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, by]) => by ?? "")),
    );
    const used = [...grouped.flatMap((by) => by.split(", ")), ...filtered, ...shown];
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((label) => !known.has(label))).toEqual([]);
  });

  it("never adds up what every process tells of the same store", () => {
    for (const expr of expressions.filter((one) => /onceguard_(?:in_doubt|reviews_open|reconcile_age)/.test(one))) {
      expect(expr).toMatch(/^(?:sum\()?max/);
    }
  });

  it("has the shape that Grafana imports", () => {
    expect(dashboard).toMatchObject({ uid: "onceguard", schemaVersion: expect.any(Number) });
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { title, type, gridPos, targets, datasource, description } of panels) {
      expect({ title, type }).toEqual({
        title: expect.any(String),
        type: expect.stringMatching(/^(?:stat|timeseries)$/),
      });
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(targets.length).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
      expect(datasource.uid).toBe("${datasource}");
      expect(description).not.toBe("");
    }
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

function labelsIn(metrics: readonly MetricData[]): readonly string[] {
  return metrics.flatMap(({ dataPoints }) =>
    (dataPoints as readonly { attributes: object }[]).flatMap(({ attributes }) =>
      Object.keys(attributes).map((name) => name.replaceAll(".", "_")),
    ),
  );
}

describe("the collector's config", () => {
  const text = read("collector.yaml");
  /** The keys right below a key of the first level. */
  const below = (section: string): readonly string[] => {
    const [, body = ""] = new RegExp(`^${section}:\\n((?:(?: .*|#.*)?\\n)+)`, "m").exec(`${text}\n`) ?? [];
    return [...body.matchAll(/^ {2}([\w/]+):/gm)].map(([, name]) => name ?? "");
  };

  it("uses every component that it defines, and no other", () => {
    for (const section of ["receivers", "processors", "exporters"]) {
      const used = [...text.matchAll(new RegExp(`^ +${section}: \\[(.*)\\]$`, "gm"))].flatMap(
        ([, names]) => names?.split(", ") ?? [],
      );
      expect(below(section).length).toBeGreaterThan(0);
      expect([section, [...new Set(used)].sort()]).toEqual([section, [...below(section)].sort()]);
    }
    expect(text).toContain(`extensions: [${below("extensions").join(", ")}]`);
  });

  it("is YAML without tabs, in steps of two", () => {
    for (const line of text.split("\n")) expect(line).toMatch(/^(?: {2})*(?:[^\s].*)?$/);
  });
});

describe("the samples", () => {
  it("sample.ts: shows the lost answer, the probe, the replay and its link", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, "sample.ts")], { encoding: "utf8" });
    expect([status, stdout]).toEqual([0, "A1: executed\nA1: replayed\nA2: executed\nA3: review\n"]);
    const [, first] = /^span execute_tool refund_payment (\w{8}\/\w{8}) in none$/m.exec(stderr) ?? [];
    expect(stderr).toContain(` linked to ${first}\n`);
    expect(stderr).toMatch(/^span onceguard probe refund_payment /m);
    expect(stderr).toMatch(/^metric onceguard\.executions 2 /m);
    expect(stderr).not.toContain("amount must be positive");
  });

  it("register.ts: `onceguard serve` is told of, and a replay in another process links to the first one's trace", async () => {
    const folder = new Folder();
    const action = { name: "mark", kind: "command", riskTier: "side_effecting", keyFields: ["id"], command: ["true"] };
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ actions: [action] }));
    const first = await served(folder, { NODE_OPTIONS: `--import ${pathToFileURL(join(FOLDER, "register.ts"))}` });
    expect(first.status).toBe("executed");
    const [, trace] = /^span execute_tool mark (\w{8})\//m.exec(first.stderr) ?? [];
    expect(trace).toMatch(/^\w{8}$/);
    const again = await served(folder, { NODE_OPTIONS: `--import ${pathToFileURL(join(FOLDER, "register.ts"))}` });
    expect(again.status).toBe("replayed");
    expect(again.stderr).toContain(` linked to ${trace}/00000000\n`);
    const untold = await served(folder, {});
    expect(untold.status).toBe("replayed");
    expect(untold.stderr).not.toContain("execute_tool");
  });
});

/** One call to a server of its own, and what that has said when it is told to stop. */
async function served(
  folder: Folder,
  env: Readonly<Record<string, string>>,
): Promise<{ status: string; stderr: string }> {
  const { child, ended } = folder.start(["serve", "--listen", "0"], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr?.on("data", (text: string) => {
    said += text;
  });
  await folder.until(() => /serving at [^,\s]+/.test(said) || child.exitCode !== null, "the server to listen");
  const [, url] = /serving at ([^,\s]+)/.exec(said) ?? [];
  const response = await fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "mark", payload: { id: "A1" } }),
  });
  const { status } = (await response.json()) as { status: string };
  child.kill("SIGTERM");
  return { status, stderr: (await ended).stderr };
}
