import { useEffect, useRef } from "preact/hooks";

const NAME = "onceguard.shortcuts";

/** Single letters get in the way of speech input: they can be turned off (WCAG 2.1.4). */
export function shortcutsAreOn(): boolean {
  return localStorage.getItem(NAME) !== "off";
}

export function turnShortcuts(on: boolean): void {
  localStorage.setItem(NAME, on ? "on" : "off");
}

/** Keys by their letter, while nothing is being typed and no dialog is open. */
export function useShortcuts(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target as HTMLElement;
      if (target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
      if (document.querySelector("dialog[open]") !== null) return;
      const run = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined;
      if (!run || (!shortcutsAreOn() && event.key !== "?")) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
