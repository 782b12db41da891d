import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { get, type Problem, post } from "../api/client.ts";
import type { BlastRadius } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { problemOf } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { useRoute } from "../hooks/use-route.ts";
import { Empty, Page, ProblemNote, RunLink, Section } from "../parts/basics.tsx";
import { type Preview, PreviewRows, type Report, ReportRows, TouchedTable } from "../parts/correction-rows.tsx";
import { ReasonForm } from "../parts/decision.tsx";
import { count } from "../parts/words.ts";

const FIELDS = [
  ["run_id", "Run", ""],
  ["action", "Action", ""],
  ["record_id", "Record", "order:A1"],
  ["actor", "Actor", ""],
  ["since", "Since", "2026-11-21T09:00:00Z"],
  ["until", "Until", "2026-11-21T10:00:00Z"],
  ["where", "Where", '{"priority":"high"}'],
] as const;

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
