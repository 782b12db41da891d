import type { JSX } from "preact";
import { get } from "../api/client.ts";
import type { Halt, Run, State } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { go } from "../hooks/use-route.ts";
import { Age, Empty, Loading, Page, ProblemNote, RunLink, Scroll, Section, StateBadge } from "../parts/basics.tsx";
import { Halting } from "../parts/halting.tsx";
import { number } from "../parts/words.ts";

export function RunsView(): JSX.Element {
  const me = useMe();
  const { value, problem, ready, reload } = useLoaded(
    async (signal) => ({
      ...(await get<{ runs: readonly Run[]; looked_at: number }>("/v1/runs", {}, signal)),
      ...(await get<{ halts: readonly Halt[] }>("/v1/halts", {}, signal)),
    }),
    "runs",
    10_000,
  );
  const others = value?.halts.filter(({ scope }) => scope !== "run") ?? [];
  const tenantHalt = others.find(({ scope }) => scope === "tenant") ?? null;
  return (
    <Page
      title="Runs"
      ready={ready}
      lead="Agent runs and tasks. A run that goes wrong is stopped here, in every process at once."
    >
      <ProblemNote problem={problem} retry={reload} />
      {!ready && <Loading />}
      {value && (
        <>
          <form
            class="filters"
            aria-label="Run"
            onSubmit={(event) => {
              event.preventDefault();
              const id = String(new FormData(event.currentTarget).get("run") ?? "").trim();
              if (id !== "") go(["runs", id]);
            }}
          >
            <label>
              Run id
              <input name="run" autoComplete="off" />
            </label>
            <div class="buttons">
              <button type="submit" class="primary">
                Open
              </button>
            </div>
          </form>
          {value.runs.length === 0 ? (
            <Empty title={`None of the newest ${number(value.looked_at)} requests belongs to a run.`}>
              Callers name theirs with run_id; then people can see, stop and undo all of it at once.
            </Empty>
          ) : (
            <Scroll label={`Runs of the newest ${value.looked_at} requests`}>
              <table class="rows">
                <caption>Among the newest {number(value.looked_at)} requests, and those that are halted</caption>
                <thead>
                  <tr>
                    <th scope="col">run</th>
                    <th scope="col" class="right">
                      requests
                    </th>
                    <th scope="col">states</th>
                    <th scope="col">actions</th>
                    <th scope="col">actors</th>
                    <th scope="col" class="right">
                      last
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {value.runs.map((run) => (
                    <tr key={run.run_id}>
                      <td>
                        <RunLink id={run.run_id} />
                        {run.halt && <span class="flag">halted</span>}
                      </td>
                      <td class="num right">{number(run.requests)}</td>
                      <td>
                        {Object.entries(run.states).map(([state, n]) => (
                          <span key={state} class="counted">
                            <StateBadge state={state as State} /> <span class="num">{n}</span>
                          </span>
                        ))}
                      </td>
                      <td class="mono">{run.actions.join(", ")}</td>
                      <td>{run.actors.join(", ")}</td>
                      <td class="num right">
                        <Age at={run.last_at} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
          <Section title="Stop everything">
            <p class="dim">For all of tenant {me.tenant}. One action can be stopped on the page of policies.</p>
            <Halting
              scope="tenant"
              id={me.tenant}
              path="/v1/tenant"
              halt={tenantHalt}
              mayStop={may(me, "stop")}
              onDone={reload}
            />
          </Section>
        </>
      )}
    </Page>
  );
}
