import type { CommonOptions } from "../../session.ts";

/** What `onceguard serve` takes. */
export interface ServeOptions extends CommonOptions {
  readonly listen?: string;
  readonly keys?: string;
  readonly sealed?: string;
  readonly signingKeys?: string;
  readonly anchored?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly answerWithin: string | number;
  readonly maxBody?: number;
  readonly maxDepth?: number;
  readonly rate?: number;
  readonly concurrency?: number;
  readonly keyConcurrency?: number;
  readonly connections?: number;
  readonly requestTimeout: string | number;
  readonly notice: string | number;
  readonly grace: string | number;
  readonly retentionEvery?: string;
  /** False with --no-console. */
  readonly console: boolean;
  readonly traceUrl?: string;
  readonly quiet?: boolean;
}
