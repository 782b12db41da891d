import type { JSX } from "preact";
import type { Case } from "../api/types.ts";

interface Place {
  readonly state: Case["state"];
  readonly label: readonly string[];
  readonly x: number;
  readonly y: number;
}

const W = 140;
const H = 48;
const PLACES: readonly Place[] = [
  { state: "OPEN", label: ["open"], x: 10, y: 56 },
  { state: "RESOLVED_PROVISIONAL", label: ["resolved", "provisional"], x: 250, y: 8 },
  { state: "IN_RECONCILIATION", label: ["in", "reconciliation"], x: 250, y: 104 },
  { state: "FINAL", label: ["final"], x: 530, y: 56 },
  { state: "SETTLED", label: ["settled"], x: 775, y: 56 },
];

const ARROWS: readonly (readonly [path: string, label: string, x: number, y: number])[] = [
  ["M150 70 L245 36", "they agree", 185, 36],
  ["M150 90 L245 124", "they do not", 183, 132],
  ["M310 56 L310 99", "", 0, 0],
  ["M330 104 L330 61", "", 0, 0],
  ["M390 36 L525 70", "sure, unchallenged", 476, 38],
  ["M390 124 L525 90", "a person chooses", 474, 132],
  ["M670 80 L770 80", "it was done", 719, 70],
];

/** The state machine, with the place where this case stands. In words below it, for whoever does not see it. */
export function CaseStates({ state }: { readonly state: Case["state"] }): JSX.Element {
  return (
    <>
      <Steps state={state} />
      <Machine state={state} />
    </>
  );
}

/** On a small screen, where a drawing could not be read: one below the other. */
function Steps({ state }: { readonly state: Case["state"] }): JSX.Element {
  return (
    <ol class="machine-steps" aria-hidden="true">
      {PLACES.map((place) => (
        <li key={place.state} class={place.state === state ? "here" : ""}>
          {place.label.join(" ")}
        </li>
      ))}
    </ol>
  );
}

function Machine({ state }: { readonly state: Case["state"] }): JSX.Element {
  return (
    <svg
      class="machine"
      viewBox="0 0 925 160"
      role="img"
      aria-label={`The case is ${state.toLowerCase().replaceAll("_", " ")}. From open, agreement leads to resolved provisional, disagreement to in reconciliation; confidence or a person makes it final; the success of its action settles it.`}
    >
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto-start-reverse"
        >
          <path d="M0 0 L8 4 L0 8 z" />
        </marker>
      </defs>
      {ARROWS.map(([path, label, x, y]) => (
        <g key={path}>
          <path class="arrow" d={path} marker-end="url(#arrow)" />
          {label && (
            <text class="arrow-label" x={x} y={y}>
              {label}
            </text>
          )}
        </g>
      ))}
      {PLACES.map((place) => (
        <g key={place.state} class={place.state === state ? "place here" : "place"}>
          <rect x={place.x} y={place.y} width={W} height={H} rx="8" />
          {place.label.map((line, n) => (
            <text
              key={line}
              x={place.x + W / 2}
              y={place.y + H / 2 + 5 + (n - (place.label.length - 1) / 2) * 17}
              text-anchor="middle"
            >
              {line}
            </text>
          ))}
        </g>
      ))}
    </svg>
  );
}
