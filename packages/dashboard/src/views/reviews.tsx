import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Receipt } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { useShortcuts } from "../hooks/use-shortcuts.ts";
import { Age, Empty, Loading, Page, ProblemNote, StateBadge, short } from "../parts/basics.tsx";
import { BulkDialog } from "../parts/bulk.tsx";
import { DECISIONS, type Decision, decisionsFor } from "../parts/decide.ts";
import { KeysDialog } from "../parts/keys.tsx";
import { ReviewItem } from "../parts/review-item.tsx";
import { count, reasonWords } from "../parts/words.ts";

interface Inbox {
  readonly reviews: readonly Receipt[];
  readonly has_more: boolean;
}

/** What waits for a person, longest waiting first. An item leaves the list when its reader has decided, or has been told who did. */
export function ReviewsView(): JSX.Element {
  const me = useMe();
  const mayDecide = may(me, "decide");
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<Inbox>("/v1/reviews", {}, signal),
    "reviews",
    15_000,
  );
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Decision | null>(null);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const [bulk, setBulk] = useState<Decision | null>(null);
  const [help, setHelp] = useState(false);
  const [said, setSaid] = useState("");
  const [moved, setMoved] = useState<ReadonlyMap<string, number>>(new Map());
  const list = useRef<HTMLUListElement>(null);

  // What is being looked at stays as it was seen, although the inbox has been read again since.
  const seen = useRef<Map<string, Receipt>>(new Map());
  const items = useMemo(() => {
    const fresh = (value?.reviews ?? []).filter((item) => !gone.has(versionKey(item)));
    const current = selected === null ? undefined : seen.current.get(selected);
    const isHere = current && fresh.some(({ request_id }) => request_id === current.request_id);
    const all = current && !isHere && !gone.has(versionKey(current)) ? [current, ...fresh] : fresh;
    for (const item of all) if (!seen.current.has(item.request_id)) seen.current.set(item.request_id, item);
    return all.map((item) => seen.current.get(item.request_id) ?? item);
  }, [value, gone, selected]);
  // Until something has been selected, the first one is looked at: a key that is pressed at once counts from there.
  const at = Math.max(
    0,
    items.findIndex(({ request_id }) => request_id === selected),
  );
  const item = items[at];

  useEvents((receipt) => {
    const known = seen.current.get(receipt.request_id);
    if (known && receipt.version > known.version) {
      setMoved((before) => new Map(before).set(receipt.request_id, receipt.version));
    } else if (!known && (receipt.state === "review" || receipt.state === "held")) reload();
  });
  useEffect(() => {
    // A key may have been pressed since this was drawn, and what it has selected stays.
    if (item && selected === null) setSelected((now) => now ?? item.request_id);
  }, [item, selected]);
  useEffect(() => {
    list.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [selected]);

  const select = (n: number): void => {
    const next = items[Math.max(0, Math.min(items.length - 1, n))];
    if (!next) return;
    setSelected(next.request_id);
    setChosen(null);
  };
  /** It has been dealt with: on to the next one. */
  const leave = (receipt: Receipt, words: string): void => {
    const n = items.indexOf(receipt);
    const next = items[n + 1] ?? items[n - 1];
    setGone((before) => new Set(before).add(versionKey(receipt)));
    seen.current.delete(receipt.request_id);
    setMarked((before) => without(before, receipt.request_id));
    setSelected(next?.request_id ?? null);
    setChosen(null);
    setSaid(words);
    list.current?.focus();
  };
  const offered = item && mayDecide ? decisionsFor(item) : [];
  const mark = (id: string): void =>
    setMarked((before) => (before.has(id) ? without(before, id) : new Set(before).add(id)));
  useShortcuts({
    j: () => select(at + 1),
    k: () => select(at - 1),
    ArrowDown: () => select(at + 1),
    ArrowUp: () => select(at - 1),
    v: () => item && mayDecide && mark(item.request_id),
    "?": () => setHelp(true),
    ...Object.fromEntries(offered.map((decision) => [DECISIONS[decision].key, () => setChosen(decision)])),
  });

  const chosenItems = items.filter(({ request_id }) => marked.has(request_id));
  const common =
    chosenItems.length === 0
      ? []
      : decisionsFor(chosenItems[0] as Receipt).filter((one) =>
          chosenItems.every((other) => decisionsFor(other).includes(one)),
        );
  return (
    <Page
      title="Review"
      ready={ready}
      lead={
        value
          ? `${count(items.length, "request")}${value.has_more ? " and more" : ""} ${items.length === 1 ? "waits" : "wait"} for a person, longest waiting first.`
          : "What waits for a person."
      }
      aside={
        <button type="button" onClick={() => setHelp(true)}>
          Keys <kbd>?</kbd>
        </button>
      }
    >
      <ProblemNote problem={problem} retry={reload} />
      <p class="visually-hidden" role="status">
        {said}
      </p>
      {!mayDecide && (
        <p class="note">
          Your role ({me.roles.join(", ")}) may look. Deciding needs a key of role reviewer or operator.
        </p>
      )}
      {!ready && <Loading />}
      {ready && items.length === 0 && problem === null && (
        <Empty title="Nothing waits for a person.">
          New questions appear here by themselves: what may have happened and cannot be settled, and what rules want
          approved.
        </Empty>
      )}
      {item && (
        <div class="inbox">
          <div class="inbox-list">
            {marked.size > 0 && (
              <div class="bulk">
                <strong>{marked.size} selected</strong>
                {common.map((decision) => (
                  <button key={decision} type="button" class="small" onClick={() => setBulk(decision)}>
                    {DECISIONS[decision].label}
                  </button>
                ))}
                {common.length === 0 && <span class="dim">No decision fits all of them.</span>}
                <button type="button" class="small" onClick={() => setMarked(new Set())}>
                  Clear
                </button>
              </div>
            )}
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the place for the focus between two items */}
            <ul ref={list} tabIndex={0} aria-label="Waiting, longest first">
              {items.map((one, n) => (
                <li key={one.request_id} aria-current={one === item ? "true" : undefined}>
                  {mayDecide && (
                    <input
                      type="checkbox"
                      aria-label={`Select ${one.action} ${short(one.request_id)}`}
                      checked={marked.has(one.request_id)}
                      onChange={() => mark(one.request_id)}
                    />
                  )}
                  <button type="button" class="inbox-item" onClick={() => select(n)}>
                    <span class="inbox-line">
                      <StateBadge state={one.state} />
                      <span class="mono inbox-action">{one.action}</span>
                      <span class="dim num">
                        <Age at={one.updated_at} />
                      </span>
                    </span>
                    <span class="inbox-line dim">
                      <span class="mono">{one.record_id ?? short(one.request_id)}</span>
                      <span class="inbox-why">{reasonWords(one.reason ?? "")}</span>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
          <ReviewItem
            key={item.request_id}
            item={item}
            hasMoved={(moved.get(item.request_id) ?? 0) > item.version}
            offered={offered}
            chosen={chosen}
            onChoose={setChosen}
            onLeave={(words) => leave(item, words)}
          />
        </div>
      )}
      {help && <KeysDialog onClose={() => setHelp(false)} />}
      {bulk !== null && (
        <BulkDialog
          items={chosenItems}
          decision={bulk}
          onClose={(done) => {
            setBulk(null);
            for (const one of done) {
              seen.current.delete(one.request_id);
              setGone((before) => new Set(before).add(versionKey(one)));
            }
            setMarked(new Set());
            if (done.some(({ request_id }) => request_id === selected)) setSelected(null);
            setSaid(`${done.length} dealt with.`);
            reload();
          }}
        />
      )}
    </Page>
  );
}

function versionKey({ request_id, version }: Receipt): string {
  return `${version}:${request_id}`;
}

function without(set: ReadonlySet<string>, one: string): Set<string> {
  return new Set([...set].filter((other) => other !== one));
}
