import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { get, type Problem, post } from "../api/client.ts";
import type { BlastRadius, CorrectionRow, Difference, Touched } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { problemOf } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { useRoute } from "../hooks/use-route.ts";
import { Empty, Page, ProblemNote, ReceiptLink, RunLink, Scroll, Section, StateBadge } from "../parts/basics.tsx";
import { ReasonForm } from "../parts/decision.tsx";
import { DiffTable } from "../parts/diff.tsx";
import { count, text, words } from "../parts/words.ts";

const FIELDS = [
  ["run_id", "Run", ""],
  ["action", "Action", ""],
  ["record_id", "Record", "order:A1"],
  ["actor", "Actor", ""],
  ["since", "Since", "2026-11-21T09:00:00Z"],
  ["until", "Until", "2026-11-21T10:00:00Z"],
  ["where", "Where", '{"priority":"high"}'],
] as const;

interface Preview {
  readonly rows: readonly (CorrectionRow & {
    readonly would: string;
    readonly reason: string | null;
    readonly changes: readonly Difference[];
  })[];
}

interface Report {
  readonly run_id: string;
  readonly complete: boolean;
  readonly rows: readonly (CorrectionRow & {
    readonly result: string;
    readonly reason: string | null;
    readonly compensation: string | null;
    readonly restored: boolean | null;
  })[];
}

/** Exactly what was touched, what undoing it would do, and then the undoing: each step shown before the next. */
export function CorrectionView(): JSX.Element {
  const { query } = useRoute();
  const [radius, setRadius] = useState<BlastRadius | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const look = async (event: Event): Promise<void> => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const asked = Object.fromEntries(FIELDS.map(([name]) => [name, String(given.get(name) ?? "").trim()]));
    setBusy(true);
    setProblem(null);
    try {
      setRadius(await get<BlastRadius>("/v1/blast-radius", asked));
    } catch (error) {
      setRadius(null);
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  return (
    <Page title="Correction" ready={!busy} lead="What did it touch, exactly, and how is just that put right?">
      <form class="filters" onSubmit={(event) => void look(event)} aria-label="Blast radius">
        {FIELDS.map(([name, title, example]) => (
          <label key={name}>
            {title}
            <input name={name} placeholder={example} defaultValue={query.get(name) ?? ""} autoComplete="off" />
          </label>
        ))}
        <div class="buttons">
          <button type="submit" class="primary">
            {busy ? "Looking …" : "Blast radius"}
          </button>
        </div>
      </form>
      <ProblemNote problem={problem} />
      {radius === null && problem === null && (
        <Empty title="Say what went wrong.">
          A run, an action, a time, a field of the payload: together they name the attempts. The answer is every request
          of these whose effect happened, or may have.
        </Empty>
      )}
      {radius &&
        (radius.rows.length === 0 ? (
          <Empty title="Nothing was touched by that." />
        ) : (
          <Radius key={radius.token} radius={radius} />
        ))}
    </Page>
  );
}

function Radius({ radius }: { readonly radius: BlastRadius }): JSX.Element {
  const me = useMe();
  const [preview, setPreview] = useState<Preview | null>(null);
  const [report, setReport] = useState<Report | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [asking, setAsking] = useState(false);
  const undoable = radius.rows.filter(({ undo }) => undo === "yes").length;
  const dryRun = async (): Promise<void> => {
    setProblem(null);
    try {
      setPreview(await post<Preview>("/v1/corrections", { plan: radius.plan, reason: "dry run", dry_run: true }));
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <>
      <Section title={`Touched: ${count(radius.rows.length, "request")}`}>
        <p class="dim">
          {count(undoable, "effect")} can be undone. The plan is bound to token{" "}
          <code>{radius.token.slice(0, 16)}…</code>; when a record moves, it is looked at again and not overwritten.
        </p>
        <TouchedTable rows={radius.rows} />
        {!may(me, "stop") ? (
          <p class="dim">A dry run and the correction need a key of role operator.</p>
        ) : (
          report === null && (
            <div class="buttons">
              <button type="button" onClick={() => void dryRun()}>
                Dry run
              </button>
            </div>
          )
        )}
      </Section>
      <ProblemNote problem={problem} />
      {preview && report === null && (
        <Section title="Dry run: nothing was written">
          <PreviewRows of={preview} />
          {asking ? (
            <Progress plan={radius}>
              <ReasonForm
                action={`Undo ${count(undoable, "effect")}`}
                tone="bad"
                explain="Each effect is undone by a guarded request of its own, once. A record that somebody else has changed since is left alone and reported."
                confirm={String(undoable)}
                onCancel={() => setAsking(false)}
                onSubmit={async (reason) => {
                  setReport(await post<Report>("/v1/corrections", { plan: radius.plan, reason }));
                  setAsking(false);
                }}
              />
            </Progress>
          ) : (
            <div class="buttons">
              <button type="button" class="danger" onClick={() => setAsking(true)}>
                Correct …
              </button>
            </div>
          )}
        </Section>
      )}
      {report && (
        <Section title={report.complete ? "Corrected" : "Not complete yet"}>
          <p role="status">
            {count(report.rows.filter(({ result }) => result === "corrected").length, "effect")} undone,{" "}
            {report.rows.filter(({ result }) => result !== "corrected").length} left alone or open. Run:{" "}
            <RunLink id={report.run_id} />
          </p>
          <ReportRows of={report} />
          {!report.complete && (
            <p class="note">Look again and correct again: it goes on where it was, and undoes nothing twice.</p>
          )}
        </Section>
      )}
    </>
  );
}

/** What the event stream tells of the plan's requests while the correction runs. */
function Progress({ plan, children }: { readonly plan: BlastRadius; readonly children: JSX.Element }): JSX.Element {
  const [undone, setUndone] = useState(0);
  const seen = useRef(new Set<string>());
  const of = plan.plan.rows.length;
  useEvents(({ request_id, state }) => {
    if (state !== "compensated" || !plan.plan.rows.some((row) => row.request_id === request_id)) return;
    seen.current.add(request_id);
    setUndone(seen.current.size);
  });
  return (
    <>
      {children}
      {undone > 0 && (
        <p role="status">
          <progress value={undone} max={of} aria-label="Undone" /> {undone} of {of} undone
        </p>
      )}
    </>
  );
}

function TouchedTable({ rows }: { readonly rows: readonly Touched[] }): JSX.Element {
  return (
    <Scroll label="What was touched">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">state</th>
            <th scope="col">certainty</th>
            <th scope="col">action</th>
            <th scope="col">request</th>
            <th scope="col">record</th>
            <th scope="col">what it changed</th>
            <th scope="col">touched later by</th>
            <th scope="col">can be undone</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ receipt, certainty, changes, later, undo }) => (
            <tr key={receipt.request_id}>
              <td>
                <StateBadge state={receipt.state} />
              </td>
              <td>{words(certainty)}</td>
              <td class="mono">{receipt.action}</td>
              <td>
                <ReceiptLink id={receipt.request_id} />
              </td>
              <td class="mono">{receipt.record_id}</td>
              <td>
                <Changes of={changes} />
              </td>
              <td>{later.map(({ actor, request_id }) => actor ?? request_id).join(", ")}</td>
              <td>{words(undo)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Changes({ of }: { readonly of: readonly Difference[] | null }): JSX.Element {
  if (of === null) return <span class="dim">not read</span>;
  return (
    <>
      {of.map(({ path, from, to }) => (
        <span key={path} class="change">
          <span class="mono">{path}</span> <del>{text(from)}</del> <ins>{text(to)}</ins>
        </span>
      ))}
    </>
  );
}

function PreviewRows({ of }: { readonly of: Preview }): JSX.Element {
  return (
    <ul class="preview">
      {of.rows.map((row) => (
        <li key={row.request_id}>
          <p>
            <strong>
              {row.would === "correct"
                ? "would be put back"
                : `${words(row.would)}${row.reason ? `: ${words(row.reason)}` : ""}`}
            </strong>{" "}
            <span class="mono">{row.record_id}</span> <ReceiptLink id={row.request_id} />
          </p>
          {row.changes.length > 0 && (
            <DiffTable
              changes={row.changes}
              label={`Dry run of ${row.request_id}`}
              fromLabel="now"
              toLabel="would be"
            />
          )}
        </li>
      ))}
    </ul>
  );
}

function ReportRows({ of }: { readonly of: Report }): JSX.Element {
  return (
    <Scroll label="What became of it">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">result</th>
            <th scope="col">record</th>
            <th scope="col">request</th>
            <th scope="col">undone by</th>
            <th scope="col">as it was before</th>
          </tr>
        </thead>
        <tbody>
          {of.rows.map((row) => (
            <tr key={row.request_id}>
              <td>
                {words(row.result)}
                {row.reason && <span class="dim"> {words(row.reason)}</span>}
              </td>
              <td class="mono">{row.record_id}</td>
              <td>
                <ReceiptLink id={row.request_id} />
              </td>
              <td>{row.compensation && <ReceiptLink id={row.compensation} />}</td>
              <td>{row.restored === null ? "not read" : row.restored ? "yes" : "no"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
