import type { JSX } from "preact";
import { get } from "../api/client.ts";
import type { Case } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { go, link } from "../hooks/use-route.ts";
import { Empty, Loading, Page, ProblemNote, Scroll } from "../parts/basics.tsx";
import { count, words } from "../parts/words.ts";

export function CasesView(): JSX.Element {
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<{ cases: readonly Case[] }>("/v1/cases", {}, signal),
    "cases",
    10_000,
  );
  return (
    <Page
      title="Cases"
      ready={ready}
      lead="An action bound to a case is held until its outcome is final, and then runs once."
    >
      <ProblemNote problem={problem} retry={reload} />
      <form
        class="filters"
        aria-label="Case"
        onSubmit={(event) => {
          event.preventDefault();
          const id = String(new FormData(event.currentTarget).get("case") ?? "").trim();
          if (id !== "") go(["cases", id]);
        }}
      >
        <label>
          Case id
          <input name="case" autoComplete="off" placeholder="match:42" />
        </label>
        <div class="buttons">
          <button type="submit" class="primary">
            Open
          </button>
        </div>
      </form>
      {!ready && <Loading />}
      {value?.cases.length === 0 && (
        <Empty title="No request waits for a case.">
          Settled cases are found by their id, or from a receipt that was bound to one.
        </Empty>
      )}
      {value && value.cases.length > 0 && (
        <Scroll label="Cases that requests wait for">
          <table class="rows">
            <thead>
              <tr>
                <th scope="col">case</th>
                <th scope="col">state</th>
                <th scope="col">leading</th>
                <th scope="col" class="right">
                  signals
                </th>
                <th scope="col">waiting</th>
              </tr>
            </thead>
            <tbody>
              {value.cases.map((one) => (
                <tr key={one.id}>
                  <td>
                    <a class="mono" href={link(["cases", one.id])}>
                      {one.id}
                    </a>
                  </td>
                  <td>
                    <span class={`case-state case-${one.state}`}>{words(one.state.toLowerCase())}</span>
                  </td>
                  <td>{one.final?.outcome ?? one.leading?.outcome ?? <span class="dim">nothing yet</span>}</td>
                  <td class="num right">{one.signals.length}</td>
                  <td>{count(one.waiting?.length ?? 0, "request")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Page>
  );
}
