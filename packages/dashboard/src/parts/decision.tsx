import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/client.ts";
import { problemOf } from "../hooks/use-loaded.ts";

/** A dialog of the browser's own: it keeps the focus, closes with Escape and gives the focus back. */
export function Dialog(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>("input[name=reason]")?.focus();
    return () => opener?.isConnected && opener.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : ""}
      aria-labelledby="dialog-title"
      onClose={props.onClose}
      onKeyDown={(event) => {
        // The browser's own way tells a moment later, and the next key would be lost.
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        props.onClose();
      }}
    >
      <div class="dialog-head">
        <h2 id="dialog-title">{props.title}</h2>
        <button type="button" class="small" onClick={props.onClose}>
          Close
        </button>
      </div>
      {props.children}
    </dialog>
  );
}

export interface ReasonFormProps {
  /** What the button says, and what is about to be done. */
  readonly action: string;
  readonly explain: ComponentChildren;
  readonly tone?: "good" | "bad" | "plain";
  /** Has to be typed: for what concerns many. */
  readonly confirm?: string;
  readonly onSubmit: (reason: string) => Promise<void>;
  readonly onCancel: () => void;
  readonly children?: ComponentChildren;
}

/** Nothing is decided without a reason; it is kept in the log. Enter sends it, Escape leaves it. */
export function ReasonForm(props: ReasonFormProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [confirmed, setConfirmed] = useState("");
  const [complaint, setComplaint] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  // At once: what is typed after the key that opened it belongs to the reason.
  useLayoutEffect(() => input.current?.focus(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    if (reason.trim() === "") {
      setComplaint("Say why: the reason is kept in the log, for whoever asks later.");
      input.current?.focus();
      return;
    }
    if (props.confirm !== undefined && confirmed.trim() !== props.confirm) {
      setComplaint(`Type ${props.confirm} to confirm.`);
      return;
    }
    setBusy(true);
    setComplaint(null);
    setProblem(null);
    try {
      await props.onSubmit(reason.trim());
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <form
      class="reason-form"
      noValidate
      onSubmit={(event) => void submit(event)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        props.onCancel();
      }}
    >
      <p class="explain">{props.explain}</p>
      {props.children}
      <label>
        Reason
        <input
          ref={input}
          name="reason"
          value={reason}
          maxLength={4_000}
          autoComplete="off"
          required
          aria-invalid={complaint !== null}
          aria-describedby="reason-complaint"
          placeholder="What did you look at, and what did it say?"
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      {props.confirm !== undefined && (
        <label>
          <span>Type {props.confirm} to confirm</span>
          <input
            name="confirm"
            value={confirmed}
            autoComplete="off"
            onInput={(event) => setConfirmed(event.currentTarget.value)}
          />
        </label>
      )}
      <p id="reason-complaint" class="complaint" role="alert">
        {complaint ?? (problem && `${problem.name}. ${problem.message}`)}
      </p>
      <div class="buttons">
        <button type="submit" class={`primary tone-${props.tone ?? "plain"}`} aria-disabled={busy}>
          {busy ? "Sending …" : props.action}
        </button>
        <button type="button" onClick={props.onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
