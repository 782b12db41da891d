import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, part } from "../api/client.ts";
import type { Receipt, ReceiptDocument } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { link } from "../hooks/use-route.ts";
import { Loading, StateBadge, short } from "./basics.tsx";
import { DECISIONS, type Decision, decide } from "./decide.ts";
import { ReasonForm } from "./decision.tsx";
import { Evidence } from "./evidence.tsx";
import { detailWords, STATE_WORDS, words } from "./words.ts";

/** One item with its evidence in view, and the decisions on it. */
export function ReviewItem(props: {
  readonly item: Receipt;
  readonly hasMoved: boolean;
  readonly offered: readonly Decision[];
  readonly chosen: Decision | null;
  readonly onChoose: (decision: Decision | null) => void;
  readonly onLeave: (words: string) => void;
}): JSX.Element {
  const { item, offered, chosen } = props;
  const { value, reload } = useLoaded(
    (signal) => get<ReceiptDocument>(`/v1/receipts/${part(item.request_id)}`, {}, signal),
    item.request_id,
  );
  const [refused, setRefused] = useState(false);
  const record = value?.record;
  const isStale = (record !== undefined && record.version > item.version) || props.hasMoved || refused;
  useEffect(() => {
    if (props.hasMoved) reload();
  }, [props.hasMoved, reload]);
  return (
    <article class="inbox-detail" aria-label={`${item.action} ${item.request_id}`}>
      <header class="detail-head">
        <h2>
          <span class="mono">{item.action}</span> <StateBadge state={item.state} />
        </h2>
        <p class="mono wrap">
          <a href={link(["receipts", item.request_id])}>{item.request_id}</a>
        </p>
        <p class="dim">{STATE_WORDS[item.state]}</p>
      </header>
      {isStale && <Overtaken item={item} now={value} onNext={() => props.onLeave("On to the next one.")} />}
      {!isStale && chosen !== null && offered.includes(chosen) && (
        <ReasonForm
          key={chosen}
          action={DECISIONS[chosen].label}
          explain={DECISIONS[chosen].explain}
          tone={DECISIONS[chosen].tone}
          onCancel={() => props.onChoose(null)}
          onSubmit={async (reason) => {
            try {
              await decide(item, chosen, reason);
            } catch (error) {
              const { code } = error as { code?: string };
              if (code !== "version_conflict" && code !== "not_resolvable") throw error;
              setRefused(true);
              reload();
              return;
            }
            props.onLeave(`${DECISIONS[chosen].label}: ${item.action} ${short(item.request_id)}.`);
          }}
        />
      )}
      {!isStale && chosen === null && offered.length > 0 && (
        <div class="buttons">
          {offered.map((decision) => (
            <button key={decision} type="button" onClick={() => props.onChoose(decision)}>
              {DECISIONS[decision].label} <kbd>{DECISIONS[decision].key}</kbd>
            </button>
          ))}
        </div>
      )}
      {value ? <Evidence of={value} brief /> : <Loading />}
    </article>
  );
}

/** Two people looked at the same item, and the other one was faster. */
function Overtaken(props: {
  readonly item: Receipt;
  readonly now: ReceiptDocument | null;
  readonly onNext: () => void;
}): JSX.Element {
  const { item, now } = props;
  const record = now?.record;
  const last = now?.log?.findLast(({ event, version }) => version > item.version && event !== "replayed");
  const why = last ? detailWords(last.detail) : "";
  return (
    <div class="note note-bad" role="alert">
      <p>
        <strong>You were not the first.</strong> This has changed since you opened it
        {record && <> and is now {words(record.state)}</>}
        {last?.actor && <>, by {last.actor}</>}
        {why && <>: {why}</>}. Nothing you chose was recorded.
      </p>
      <div class="buttons">
        <button type="button" class="primary" onClick={props.onNext}>
          Next
        </button>
      </div>
    </div>
  );
}
