import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { post } from "../api/client.ts";
import type { Halt } from "../api/types.ts";
import { Instant } from "./basics.tsx";
import { ReasonForm } from "./decision.tsx";

/** Stops a run, an action or a tenant, or lets it go on. Both need a reason, and both are in the log. */
export function Halting(props: {
  readonly scope: Halt["scope"];
  readonly id: string;
  readonly path: string;
  readonly halt: Halt | null;
  readonly mayStop: boolean;
  readonly onDone: () => void;
}): JSX.Element {
  const { scope, id, path, halt, mayStop } = props;
  const [open, setOpen] = useState(false);
  const verb = halt ? "resume" : "halt";
  return (
    <div class="halting">
      {halt && (
        <p class="note note-bad">
          <strong>Halted</strong>
          {halt.actor && <> by {halt.actor}</>} since <Instant at={halt.halted_at} />: {halt.reason}
        </p>
      )}
      {!mayStop && <p class="dim">Halting and resuming need a key of role operator.</p>}
      {mayStop &&
        (open ? (
          <ReasonForm
            action={halt ? `Resume ${scope}` : `Halt ${scope}`}
            tone={halt ? "plain" : "bad"}
            explain={
              halt
                ? "What waits of it may be sent again, after another look at the rules."
                : "Nothing of it is claimed or sent any more, in any process, until somebody resumes it. What has been sent is not called back."
            }
            {...(scope === "tenant" && !halt && { confirm: id })}
            onCancel={() => setOpen(false)}
            onSubmit={async (reason) => {
              await post(`${path}/${verb}`, { reason });
              setOpen(false);
              props.onDone();
            }}
          />
        ) : (
          <button type="button" class={halt ? "" : "danger"} onClick={() => setOpen(true)}>
            {halt ? "Resume" : "Halt"} {scope === "tenant" ? "everything" : `this ${scope}`}
          </button>
        ))}
    </div>
  );
}
