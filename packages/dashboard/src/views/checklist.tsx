import type { JSX } from "preact";
import { get } from "../api/client.ts";
import type { Checklist } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { Empty, Loading, Page, ProblemNote } from "../parts/basics.tsx";
import { words } from "../parts/words.ts";

export function ChecklistView(): JSX.Element {
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<Checklist>("/v1/checklist", {}, signal),
    "checklist",
  );
  const open = value?.unanswered.length ?? 0;
  const all = (value?.actions.length ?? 0) * 5;
  const isUnknown = problem?.code === "no_configuration";
  return (
    <Page
      title="Checklist"
      ready={ready}
      lead="The five questions before production, answered for each action from the running configuration."
      aside={
        value &&
        all > 0 && <strong class={open > 0 ? "text-doubt" : "text-good"}>{`${all - open} of ${all} answered`}</strong>
      }
    >
      {isUnknown ? (
        <Empty title="Not known here.">
          Whoever mounted this API has not said how its guard is configured; onceguard serve says it.
        </Empty>
      ) : (
        <ProblemNote problem={problem} retry={reload} />
      )}
      {!ready && <Loading />}
      {value?.actions.length === 0 && <Empty title="No action is registered here." />}
      {value?.actions.map(({ action, risk_tier, promise, questions }) => (
        <section class="card" key={action}>
          <div class="card-head">
            <h2 class="mono">{action}</h2>
            <span class="dim">
              {words(risk_tier)}; {promise}
            </span>
          </div>
          <ol class="questions">
            {questions.map(({ number, question, answer, points }) => (
              <li key={number}>
                <h3>
                  <span class={`answer answer-${answer}`}>{answer}</span> {question}
                </h3>
                <ul>
                  {points.map((point) => (
                    <li key={point.found}>
                      <span class="point">{point.found}</span>
                      {point.by && <code>{point.by}</code>}
                      {point.add && (
                        <span class="add">
                          {point.answer === "yes" ? "could add" : "add"} <code>{point.add}</code>
                        </span>
                      )}
                    </li>
                  ))}
                </ul>
              </li>
            ))}
          </ol>
        </section>
      ))}
    </Page>
  );
}
