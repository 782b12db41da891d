import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Receipt } from "../api/types.ts";
import { problemOf } from "../hooks/use-loaded.ts";
import { Scroll, short } from "./basics.tsx";
import { DECISIONS, type Decision, decide } from "./decide.ts";
import { Dialog, ReasonForm } from "./decision.tsx";
import { count, reasonWords } from "./words.ts";

/** One reason for several: each is listed, the number has to be typed, and each is decided by itself, on the version that was seen. */
export function BulkDialog(props: {
  readonly items: readonly Receipt[];
  readonly decision: Decision;
  /** With those that were decided, here or by somebody who was faster. */
  readonly onClose: (over: readonly Receipt[]) => void;
}): JSX.Element {
  // As they were when the dialog was opened: what is confirmed is what was listed.
  const [items] = useState(props.items);
  const [results, setResults] = useState<ReadonlyMap<string, string>>(new Map());
  const [over, setOver] = useState(false);
  const [done, setDone] = useState(0);
  const settled = useRef<Receipt[]>([]);
  const { label, explain, tone } = DECISIONS[props.decision];
  const close = (): void => props.onClose(settled.current);
  const run = async (reason: string): Promise<void> => {
    for (const item of items) {
      const said = await decide(item, props.decision, reason).then(
        () => {
          settled.current.push(item);
          setDone((n) => n + 1);
          return "done";
        },
        (error: unknown) => {
          const { name, message, code } = problemOf(error);
          if (code === "version_conflict" || code === "not_resolvable") settled.current.push(item);
          return `not done. ${name}: ${message}`;
        },
      );
      setResults((before) => new Map(before).set(item.request_id, said));
    }
    setOver(true);
  };
  return (
    <Dialog title={`${label}: ${count(items.length, "request")}`} onClose={close} wide>
      <Scroll label="What is decided">
        <table>
          <thead>
            <tr>
              <th scope="col">action</th>
              <th scope="col">request</th>
              <th scope="col">record</th>
              <th scope="col">why it waits</th>
              <th scope="col">outcome</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.request_id}>
                <td class="mono">{item.action}</td>
                <td class="mono">{short(item.request_id)}</td>
                <td class="mono">{item.record_id}</td>
                <td>{reasonWords(item.reason ?? "")}</td>
                <td>{results.get(item.request_id)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {over ? (
        <>
          <p role="status">
            {done} of {items.length} decided.
          </p>
          <button type="button" class="primary" onClick={close}>
            Done
          </button>
        </>
      ) : (
        <ReasonForm
          action={`${label}: all ${items.length}`}
          explain={explain}
          tone={tone}
          confirm={String(items.length)}
          onSubmit={run}
          onCancel={close}
        />
      )}
    </Dialog>
  );
}
