import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Told } from "../api/events.ts";
import type { Page as PageOf } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { go, useRoute } from "../hooks/use-route.ts";
import { Empty, Loading, Page, ProblemNote } from "../parts/basics.tsx";
import { ReceiptTable, type Row } from "../parts/receipt-table.tsx";
import { count, STATE_WORDS, words } from "../parts/words.ts";

const SIZE = 50;
const FILTERS = ["state", "action", "record_id", "run_id", "case_id", "conflict"] as const;
type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

export function ReceiptsView(): JSX.Element {
  const { query } = useRoute();
  const filters = useMemo(() => filtersOf(query), [query.toString()]);
  return (
    <Page title="Receipts" ready lead="What the guard durably knows of each request, the newest first.">
      <FilterForm filters={filters} />
      <Rows key={JSON.stringify(filters)} filters={filters} />
    </Page>
  );
}

function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)]] : [])));
}

function FilterForm({ filters }: { readonly filters: Filters }): JSX.Element {
  const { value } = useLoaded((signal) => get<{ actions: { name: string }[] }>("/v1/actions", {}, signal), "actions");
  const take = (event: Event): void => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const id = String(given.get("request_id") ?? "").trim();
    if (id !== "") go(["receipts", id]);
    else go(["receipts"], Object.fromEntries(FILTERS.map((name) => [name, String(given.get(name) ?? "").trim()])));
  };
  return (
    <form class="filters" onSubmit={take} aria-label="Receipts" key={JSON.stringify(filters)}>
      <label>
        State
        <select name="state" onChange={(event) => event.currentTarget.form?.requestSubmit()}>
          <option value="">any</option>
          {Object.keys(STATE_WORDS).map((state) => (
            <option key={state} value={state} selected={filters.state === state}>
              {words(state)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Action
        <input name="action" list="actions" defaultValue={filters.action ?? ""} autoComplete="off" />
        <datalist id="actions">
          {value?.actions.map(({ name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      <label>
        Record
        <input name="record_id" defaultValue={filters.record_id ?? ""} autoComplete="off" placeholder="order:A1" />
      </label>
      <label>
        Run
        <input name="run_id" defaultValue={filters.run_id ?? ""} autoComplete="off" />
      </label>
      <label>
        Case
        <input name="case_id" defaultValue={filters.case_id ?? ""} autoComplete="off" />
      </label>
      <label>
        Request id
        <input name="request_id" autoComplete="off" placeholder="opens it" />
      </label>
      <label class="check">
        <input
          type="checkbox"
          name="conflict"
          value="true"
          defaultChecked={filters.conflict === "true"}
          onChange={(event) => event.currentTarget.form?.requestSubmit()}
        />
        Only conflicts
      </label>
      <div class="buttons">
        <button type="submit" class="primary">
          Filter
        </button>
        {Object.keys(filters).length > 0 && (
          <button type="button" onClick={() => go(["receipts"])}>
            Clear
          </button>
        )}
      </div>
    </form>
  );
}

/** Pages are continued where the last one ended, so the thousandth costs what the first one does. */
function Rows({ filters }: { readonly filters: Filters }): JSX.Element {
  const [places, setPlaces] = useState<readonly string[]>([]);
  const after = places.at(-1);
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<PageOf>("/v1/receipts", { ...filters, limit: SIZE, after }, signal),
    after ?? "",
  );
  const [told, setTold] = useState<ReadonlyMap<string, Told>>(new Map());
  const [live, setLive] = useState(true);
  useEffect(() => setTold(new Map()), [value]);
  useEvents((receipt) => {
    if (live) setTold((before) => new Map(before).set(receipt.request_id, receipt));
  });
  const rows = merged(value?.receipts ?? [], told, filters, after === undefined);
  const fresh = new Set(told.keys());
  if (!ready) return <Loading />;
  return (
    <>
      <ProblemNote problem={problem} retry={reload} />
      <div class="table-head">
        <label class="check">
          <input type="checkbox" checked={live} onChange={(event) => setLive(event.currentTarget.checked)} />
          Live
        </label>
        <span class="dim" role="status">
          {told.size > 0 ? `${count(told.size, "change")} since you came` : ""}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty title="No receipt fits.">
          {Object.keys(filters).length > 0
            ? "Fewer filters show more. An action of tier safe leaves no receipt."
            : "Nothing has been executed yet. The first guarded call appears here by itself."}
        </Empty>
      ) : (
        <ReceiptTable rows={rows} label="Receipts" fresh={fresh} />
      )}
      <nav class="pager" aria-label="Pages">
        <button type="button" disabled={places.length === 0} onClick={() => setPlaces(places.slice(0, -1))}>
          Newer
        </button>
        <span class="dim num">page {places.length + 1}</span>
        <button type="button" disabled={!value?.next} onClick={() => value?.next && setPlaces([...places, value.next])}>
          Older
        </button>
      </nav>
    </>
  );
}

/** What was told is laid over what was read; on the first page, new requests come on top. */
function merged(read: readonly Row[], told: ReadonlyMap<string, Told>, filters: Filters, isFirst: boolean): Row[] {
  const known = new Set(read.map(({ request_id }) => request_id));
  const rows = read.map((row): Row => {
    const news = told.get(row.request_id);
    return news && news.version >= row.version ? { ...row, ...news } : row;
  });
  if (!isFirst) return rows;
  const added = [...told.values()].filter((row) => !known.has(row.request_id) && fits(row, filters));
  return [...added.sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)), ...rows].slice(0, SIZE * 2);
}

function fits(row: Told, filters: Filters): boolean {
  return FILTERS.every((name) => filters[name] === undefined || String(row[name] ?? "") === filters[name]);
}
