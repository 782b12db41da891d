/** Seconds, as Prometheus wants them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

const MOST_TENANTS = 10_000;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Reading, in the text format of Prometheus. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * What this process has counted, kept apart by tenant: no tenant is told another's traffic. Labels come from a fixed set
 * (operations, registered actions, statuses), so that no caller can make them grow.
 */
export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #histograms = new Map<string, Map<string, Histogram>>();

  /** One request that was answered. */
  request(tenant: string, operation: string, status: number, seconds: number): void {
    this.#add(tenant, `onceguard_http_requests_total${labels({ operation, status: String(status) })}`);
    const ofTenant = this.#histograms.get(tenant) ?? new Map<string, Histogram>();
    this.#histograms.set(tenant, ofTenant);
    const histogram = ofTenant.get(operation) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    ofTenant.set(operation, histogram);
    const bucket = BUCKETS.findIndex((limit) => seconds <= limit);
    if (bucket >= 0) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += seconds;
    histogram.count += 1;
  }

  /** One outcome that was told. */
  outcome(tenant: string, action: string, status: string): void {
    this.#add(tenant, `onceguard_outcomes_total${labels({ action, status })}`);
  }

  /** One request that a limit has turned away. */
  refused(tenant: string, reason: string): void {
    this.#add(tenant, `onceguard_http_refused_total${labels({ reason })}`);
  }

  text(tenant: string, gauges: readonly Gauge[]): string {
    const counters = [...(this.#counters.get(tenant) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    const of = (name: string) =>
      counters.filter(([series]) => series.startsWith(`${name}{`)).map(([series, value]) => `${series} ${value}`);
    const durations = [...(this.#histograms.get(tenant) ?? [])].flatMap(([operation, histogram]) =>
      lines(operation, histogram),
    );
    return `${[
      ...family("onceguard_http_requests_total", "counter", "Requests answered.", of("onceguard_http_requests_total")),
      ...family("onceguard_http_request_duration_seconds", "histogram", "Time to the answer.", durations),
      ...family("onceguard_http_refused_total", "counter", "Refused by a limit.", of("onceguard_http_refused_total")),
      ...family("onceguard_outcomes_total", "counter", "Outcomes told to callers.", of("onceguard_outcomes_total")),
      ...[...Map.groupBy(gauges, ({ name }) => name)].flatMap(([name, ofName]) =>
        family(
          name,
          "gauge",
          ofName[0]?.help ?? "",
          ofName.map((gauge) => `${name}${labels(gauge.labels ?? {})} ${gauge.value}`),
        ),
      ),
    ].join("\n")}\n`;
  }

  #add(tenant: string, series: string): void {
    // Counters may begin again: whoever reads them expects that of a process anyway.
    if (this.#counters.size >= MOST_TENANTS && !this.#counters.has(tenant)) {
      this.#counters.clear();
      this.#histograms.clear();
    }
    const ofTenant = this.#counters.get(tenant) ?? new Map<string, number>();
    this.#counters.set(tenant, ofTenant);
    ofTenant.set(series, (ofTenant.get(series) ?? 0) + 1);
  }
}

function lines(operation: string, { counts, sum, count }: Histogram): string[] {
  const name = "onceguard_http_request_duration_seconds";
  let total = 0;
  const buckets = BUCKETS.map((limit, n) => {
    total += counts[n] ?? 0;
    return `${name}_bucket${labels({ operation, le: String(limit) })} ${total}`;
  });
  return [
    ...buckets,
    `${name}_bucket${labels({ operation, le: "+Inf" })} ${count}`,
    `${name}_sum${labels({ operation })} ${sum}`,
    `${name}_count${labels({ operation })} ${count}`,
  ];
}

function family(name: string, type: string, help: string, series: readonly string[]): string[] {
  return series.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...series];
}

function labels(given: Readonly<Record<string, string>>): string {
  const all = Object.entries(given).map(
    ([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`,
  );
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}
