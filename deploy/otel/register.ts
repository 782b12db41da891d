/**
 * An OpenTelemetry SDK for a look at what Onceguard tells: every span and every metric, a line each, on stderr. In earnest the
 * exporters are those of OTLP; see README.md.
 *
 *   node --import ./register.ts node_modules/onceguard/bin/onceguard.js serve
 */
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";

const line = (...words: unknown[]): void => void process.stderr.write(`${words.join(" ")}\n`);
const short = (id: string | undefined): string => (id ?? "none").slice(0, 8);
const said = (attributes: object): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

const spans: SpanExporter = {
  export(ended, done) {
    for (const span of ended) {
      const { name, attributes, parentSpanContext, links } = span;
      const { traceId, spanId } = span.spanContext();
      const linked = links.map((link) => `linked to ${short(link.context.traceId)}/${short(link.context.spanId)}`);
      line("span", name, `${short(traceId)}/${short(spanId)} in ${short(parentSpanContext?.spanId)}`, ...linked);
      line("    ", said(attributes));
    }
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};

const numbers: PushMetricExporter = {
  export({ scopeMetrics }, done) {
    for (const { descriptor, dataPoints } of scopeMetrics.flatMap((scope) => scope.metrics)) {
      for (const { attributes, value } of dataPoints) {
        const told = typeof value === "number" ? value : `${value.count} times, ${value.sum?.toFixed(4)} in all`;
        line("metric", descriptor.name, told, descriptor.unit, said(attributes));
      }
    }
    done({ code: 0 });
  },
  selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

const reader = new PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 10_000 });
const meterProvider = new MeterProvider({ readers: [reader] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
metrics.setGlobalMeterProvider(meterProvider);
process.once("beforeExit", () => void meterProvider.shutdown());
