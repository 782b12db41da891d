import type { JSX } from "preact";
import type { Difference, Json } from "../api/types.ts";
import { Empty, Scroll } from "./basics.tsx";
import { text } from "./words.ts";

type Fields = { readonly [name: string]: Json };

/** What differs, field by field, down to values that are no objects or lists of equal length. */
export function differences(from: Json | undefined, to: Json | undefined, path = ""): Difference[] {
  if (isFields(from) && isFields(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return names.flatMap((name) => differences(from[name], to[name], path === "" ? name : `${path}.${name}`));
  }
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return from.flatMap((item: Json, n) => differences(item, to[n] as Json, `${path}[${n}]`));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from: from ?? null, to: to ?? null }];
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function DiffTable(props: {
  readonly changes: readonly Difference[];
  readonly label: string;
  readonly fromLabel?: string;
  readonly toLabel?: string;
}): JSX.Element {
  if (props.changes.length === 0) return <Empty title="Nothing differs." />;
  return (
    <Scroll label={props.label}>
      <table class="diff">
        <thead>
          <tr>
            <th scope="col">field</th>
            <th scope="col">{props.fromLabel ?? "before"}</th>
            <th scope="col">{props.toLabel ?? "after"}</th>
          </tr>
        </thead>
        <tbody>
          {props.changes.map(({ path, from, to }) => (
            <tr key={path}>
              <th scope="row" class="mono">
                {path || "(all of it)"}
              </th>
              <td>
                <del>{text(from)}</del>
              </td>
              <td>
                <ins>{text(to)}</ins>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
