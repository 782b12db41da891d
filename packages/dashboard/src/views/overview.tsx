import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Overview, Receipt } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { link } from "../hooks/use-route.ts";
import { Age, Empty, Instant, Loading, Page, ProblemNote, ReceiptLink, Section, StateBadge } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { count, number, reasonWords } from "../parts/words.ts";

const WINDOWS = [
  ["1h", "1 hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
] as const;

export function OverviewView(): JSX.Element {
  const [window, setWindow] = useState("24h");
  const [isCounting, setCounting] = useState(false);
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<Overview>("/v1/overview", { window }, signal),
    window,
    isCounting ? 1_000 : 5_000,
  );
  useEffect(() => setCounting(value?.counting === true), [value]);
  // A storm of events is one look.
  const pending = useRef(false);
  useEvents(() => {
    if (pending.current) return;
    pending.current = true;
    setTimeout(() => {
      pending.current = false;
      reload();
    }, 1_000);
  });
  return (
    <Page
      title="Overview"
      ready={ready}
      lead="What became of requests, and what waits for somebody."
      aside={
        <fieldset class="segments">
          <legend class="visually-hidden">Time</legend>
          {WINDOWS.map(([name, title]) => (
            <button key={name} type="button" aria-pressed={window === name} onClick={() => setWindow(name)}>
              {title}
            </button>
          ))}
        </fieldset>
      }
    >
      <ProblemNote problem={problem} retry={reload} />
      {value ? <Numbers of={value} /> : !ready && <Loading />}
    </Page>
  );
}

function Numbers({ of }: { readonly of: Overview }): JSX.Element {
  const { totals, prevented, open, counted_up_to: most, halts } = of;
  const upTo = (n: number): string => (n >= most ? `${number(most)}+` : number(n));
  return (
    <>
      {halts > 0 && (
        <p class="note note-bad">
          <strong>{count(halts, "halt")} in force.</strong> Nothing of it is sent until somebody resumes it.{" "}
          <a href={link(["runs"])}>See what is halted</a>
        </p>
      )}
      <ul class="tiles">
        <Tile name="Executed" value={number(totals.executed)} tone="good" more="effects that happened" />
        <Tile
          name="Duplicates prevented"
          value={number(prevented.count)}
          tone="plain"
          more={
            prevented.amount_known_for > 0
              ? `worth ${number(prevented.amount)} in smallest units (cents)${prevented.amount_known_for < prevented.count ? `, known for ${number(prevented.amount_known_for)}` : ""}`
              : "calls that would have made an effect again"
          }
        />
        <Tile name="Replayed" value={number(totals.replayed)} tone="plain" more="calls answered from a receipt" />
        <Tile
          name="In doubt"
          value={upTo(open.in_doubt)}
          tone={open.in_doubt > 0 ? "doubt" : "plain"}
          more="may have happened; being settled"
          href={link(["receipts"], { state: "in_doubt" })}
        />
        <Tile
          name="Waiting for a person"
          value={upTo(open.review + open.awaiting_approval)}
          tone={open.review > 0 ? "doubt" : open.awaiting_approval > 0 ? "held" : "plain"}
          more={`${upTo(open.review)} in review, ${upTo(open.awaiting_approval)} to approve`}
          href={link(["reviews"])}
        />
        <Tile
          name="Under way"
          value={upTo(open.running + open.retry_wait)}
          tone={open.running + open.retry_wait > 0 ? "moving" : "plain"}
          more={`${upTo(open.running)} running, ${upTo(open.retry_wait)} waiting to retry`}
          href={link(["receipts"], { state: "running" })}
        />
      </ul>
      <div class="charts">
        <Chart title="Calls" bars={of.bars} barMs={of.bar_ms} series={["executed", "replayed", "skipped"]} />
        <Chart
          title="Questions and refusals"
          bars={of.bars}
          barMs={of.bar_ms}
          series={["in_doubt", "review", "failed", "refused"]}
        />
      </div>
      {!of.complete && (
        <p class="dim" role="status">
          {of.counting ? "The log is still being counted; so far " : "The log is large; "}counted back to{" "}
          <Instant at={of.counted_since} />.
        </p>
      )}
      <Section title="Waiting longest" aside={<a href={link(["reviews"])}>Review all</a>}>
        {of.waiting.length === 0 ? (
          <Empty title="Nothing waits for a person.">
            What may have happened and cannot be settled by a probe, a key or evidence comes here, with what is known of
            it.
          </Empty>
        ) : (
          <ul class="waiting">
            {of.waiting.map((receipt) => (
              <Waiting key={receipt.request_id} receipt={receipt} />
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

function Tile(props: {
  readonly name: string;
  readonly value: string;
  readonly more: string;
  readonly tone: string;
  readonly href?: string;
}): JSX.Element {
  const inner = (
    <>
      <span class="tile-name">{props.name}</span>
      <span class={`tile-value num text-${props.tone}`}>{props.value}</span>
      <span class="tile-more">{props.more}</span>
    </>
  );
  return <li class="tile">{props.href ? <a href={props.href}>{inner}</a> : inner}</li>;
}

function Waiting({ receipt }: { readonly receipt: Receipt }): JSX.Element {
  return (
    <li>
      <StateBadge state={receipt.state} />
      <span class="waiting-what">
        <span class="mono">{receipt.action}</span> <ReceiptLink id={receipt.request_id} />
        <span class="dim"> {receipt.reason ? reasonWords(receipt.reason) : receipt.failure?.message}</span>
      </span>
      <span class="num dim">
        <Age at={receipt.updated_at} />
      </span>
    </li>
  );
}
