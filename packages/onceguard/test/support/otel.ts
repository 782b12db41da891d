import { context, type Span, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** What a guard has told, as the SDK would export it. */
export interface Told {
  readonly tracerProvider: BasicTracerProvider;
  readonly meterProvider: MeterProvider;
  /** Ended spans, in the order of their ends. */
  spans(): readonly ReadableSpan[];
  span(name: string): ReadableSpan;
  spansCalled(name: string): readonly ReadableSpan[];
  metrics(): Promise<readonly MetricData[]>;
  /** The value of the only data point with these attributes; of a histogram, its count. */
  metric(name: string, attributes?: Readonly<Record<string, string>>): Promise<number | undefined>;
  /** Runs work in a span of a caller. */
  inSpan<T>(name: string, work: (span: Span) => Promise<T>, attributes?: Readonly<Record<string, string>>): Promise<T>;
}

export function told(): Told {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 60_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const metrics = async (): Promise<readonly MetricData[]> => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  };
  const spans = () => exporter.getFinishedSpans();
  const spansCalled = (name: string) => spans().filter((span) => span.name === name);
  return {
    tracerProvider,
    meterProvider,
    spans,
    spansCalled,
    span: (name) => {
      const [found, ...more] = spansCalled(name);
      if (found && more.length === 0) return found;
      throw new Error(`${more.length + (found ? 1 : 0)} spans are called ${name}; there are ${names(spans())}`);
    },
    metrics,
    metric: async (name, attributes = {}) => {
      const found = (await metrics()).find(({ descriptor }) => descriptor.name === name);
      const points = (found?.dataPoints ?? []).filter((point) =>
        Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      );
      if (points.length > 1) throw new Error(`${name} has ${points.length} points with ${JSON.stringify(attributes)}`);
      const value = points[0]?.value;
      return typeof value === "object" ? value.count : value;
    },
    inSpan: async (name, work, attributes = {}) => {
      const span = tracerProvider.getTracer("caller").startSpan(name, { attributes });
      try {
        return await context.with(trace.setSpan(context.active(), span), () => work(span));
      } finally {
        span.end();
      }
    },
  };
}

function names(spans: readonly ReadableSpan[]): string {
  return spans.map(({ name }) => name).join(", ") || "none";
}
