import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "../api/client.ts";
import { problemOf } from "../hooks/use-loaded.ts";

/** A form that is sent as it is, closed until it is needed; what went wrong is said below it. */
export function SendForm(props: {
  readonly title: string;
  readonly action: string;
  readonly explain: string;
  readonly onSubmit: (given: (name: string) => string) => Promise<string>;
  readonly children: ComponentChildren;
}): JSX.Element {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [said, setSaid] = useState("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    setProblem(null);
    setSaid("");
    try {
      setSaid(await props.onSubmit((name) => String(given.get(name) ?? "").trim()));
      form.reset();
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <details class="card">
      <summary>{props.title}</summary>
      <form class="reason-form" onSubmit={(event) => void submit(event)}>
        <p class="explain">{props.explain}</p>
        <div class="fields">{props.children}</div>
        <p class="complaint" role="alert">
          {problem && `${problem.name}. ${problem.message}`}
        </p>
        <div class="buttons">
          <button type="submit" class="primary">
            {props.action}
          </button>
          <span role="status">{said}</span>
        </div>
      </form>
    </details>
  );
}
