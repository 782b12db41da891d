import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { shortcutsAreOn, turnShortcuts } from "../hooks/use-shortcuts.ts";
import { DECISIONS } from "./decide.ts";
import { Dialog } from "./decision.tsx";

const MOVES = [
  ["j, ↓", "next"],
  ["k, ↑", "previous"],
  ["v", "select for several at once"],
  ["Enter", "in the reason: decide"],
  ["Escape", "leave the reason or this help"],
  ["?", "this help"],
] as const;

export function KeysDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const [on, setOn] = useState(shortcutsAreOn);
  const decisions = Object.values(DECISIONS).filter(({ key }) => key !== "o");
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {[...MOVES, ...decisions.map(({ key, label }) => [key, label.toLowerCase()] as const)].map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            turnShortcuts(event.currentTarget.checked);
            setOn(event.currentTarget.checked);
          }}
        />
        Single letters act (turn off for speech input)
      </label>
    </Dialog>
  );
}
