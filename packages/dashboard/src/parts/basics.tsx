import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/client.ts";
import type { Json, State } from "../api/types.ts";
import { useNow } from "../hooks/use-now.ts";
import { link } from "../hooks/use-route.ts";
import { STATE_WORDS, span, words } from "./words.ts";

/** One view: its heading takes the focus when the reader comes to it. */
export function Page(props: {
  readonly title: string;
  readonly ready: boolean;
  readonly lead?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · Onceguard`;
  }, [props.title]);
  useEffect(() => {
    // Not on the first page: there the reader begins at the top.
    if (document.body.dataset.visited === "yes") heading.current?.focus({ preventScroll: true });
    document.body.dataset.visited = "yes";
    scrollTo(0, 0);
  }, []);
  return (
    <main id="main" data-ready={String(props.ready)} data-route={location.hash} aria-busy={!props.ready}>
      <div class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {props.title}
          </h1>
          {props.lead && <p class="lead">{props.lead}</p>}
        </div>
        {props.aside && <div class="page-aside">{props.aside}</div>}
      </div>
      {props.children}
    </main>
  );
}

export function StateBadge({ state }: { readonly state: State }): JSX.Element {
  return (
    <span class={`state state-${state}`} title={STATE_WORDS[state]}>
      {words(state)}
    </span>
  );
}

export function Age({ at }: { readonly at: string | null }): JSX.Element {
  const now = useNow();
  if (at === null) return <span class="dim">none</span>;
  const ms = now - Date.parse(at);
  return (
    <time dateTime={at} title={at}>
      {ms < 0 ? `in ${span(-ms)}` : ms < 1_000 ? "now" : `${span(ms)} ago`}
    </time>
  );
}

export function Instant({ at }: { readonly at: string }): JSX.Element {
  return (
    <time dateTime={at} class="num" title={at}>
      {new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })}
    </time>
  );
}

export function ReceiptLink({ id }: { readonly id: string }): JSX.Element {
  return (
    <a class="mono" href={link(["receipts", id])} title={id}>
      {short(id)}
    </a>
  );
}

export function RunLink({ id }: { readonly id: string | null }): JSX.Element {
  return id === null ? (
    <span class="dim">none</span>
  ) : (
    <a class="mono" href={link(["runs", id])} title={id}>
      {short(id)}
    </a>
  );
}

/** Derived ids are 64 hexadecimal digits: the beginning tells them apart. */
export function short(id: string): string {
  if (/^[0-9a-f]{64}$/.test(id)) return `${id.slice(0, 12)}…`;
  return id.length > 28 ? `${id.slice(0, 26)}…` : id;
}

export function Facts({
  of,
}: {
  readonly of: readonly (readonly [name: string, value: ComponentChildren])[];
}): JSX.Element {
  const shown = of.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="facts">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function JsonBlock({ value, label }: { readonly value: Json; readonly label: string }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it
    // biome-ignore lint/a11y/useSemanticElements: a section would say the same, and lose the formatting
    <pre class="json" tabIndex={0} role="region" aria-label={label}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** Wide tables scroll by themselves, and the page does not. */
export function Scroll({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it
    // biome-ignore lint/a11y/useSemanticElements: a section would say the same
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

export function Section(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="card">
      <div class="card-head">
        <h2>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

/** What went wrong, and what to do: never a bare code. */
export function ProblemNote({
  problem,
  retry,
}: {
  readonly problem: Problem | null;
  readonly retry?: () => void;
}): JSX.Element | null {
  if (problem === null) return null;
  return (
    <div class="note note-bad" role="alert">
      <p>
        <strong>{problem.name}.</strong> {problem.message} {hint(problem)}
      </p>
      <p class="note-more">
        <code>{problem.code}</code>
        {problem.docs !== null && /^https:/.test(problem.docs) && (
          <a href={problem.docs} rel="noreferrer noopener" target="_blank">
            What this means
          </a>
        )}
        {retry && (
          <button type="button" class="small" onClick={retry}>
            Look again
          </button>
        )}
      </p>
    </div>
  );
}

function hint({ code }: Problem): string {
  switch (code) {
    case "store_unavailable":
      return "Nothing new is sent while the store is away: calls are answered unavailable.";
    case "forbidden":
      return "Ask whoever keeps the keys (onceguard keys add --role), or sign in with another one.";
    case "rate_limited":
    case "too_busy":
      return "This page asks again by itself.";
    default:
      return "";
  }
}

export function Loading(): JSX.Element {
  return <p class="dim loading">Looking …</p>;
}
