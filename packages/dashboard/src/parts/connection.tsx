import type { JSX } from "preact";
import { useEvents } from "../hooks/use-events.ts";

const WORDS = {
  connecting: ["connecting", "Connecting to the event stream."],
  live: ["live", "Changes are shown as they happen."],
  away: ["away", "The event stream broke off. It is tried again by itself; what you see may be old."],
} as const;

export function ConnectionMark(): JSX.Element {
  const connection = useEvents(() => undefined);
  const [word, title] = WORDS[connection];
  return (
    <span class={`connection connection-${connection}`} title={title} role="status">
      {word}
    </span>
  );
}
