import type { JSX } from "preact";
import type { Receipt } from "../api/types.ts";
import { Age, ReceiptLink, RunLink, Scroll, StateBadge } from "./basics.tsx";
import { number } from "./words.ts";

export type Row = Pick<Receipt, "request_id" | "action" | "state" | "version" | "updated_at"> & Partial<Receipt>;

export function ReceiptTable(props: {
  readonly rows: readonly Row[];
  readonly label: string;
  readonly fresh?: ReadonlySet<string>;
}): JSX.Element {
  return (
    <Scroll label={props.label}>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">state</th>
            <th scope="col">action</th>
            <th scope="col">request</th>
            <th scope="col">record</th>
            <th scope="col">run</th>
            <th scope="col">actor</th>
            <th scope="col" class="right">
              amount
            </th>
            <th scope="col" class="right">
              tries
            </th>
            <th scope="col" class="right">
              changed
            </th>
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={row.request_id} class={props.fresh?.has(row.request_id) ? "fresh" : ""}>
              <td>
                <StateBadge state={row.state} />
                {row.conflict && <span class="flag">conflict</span>}
              </td>
              <td class="mono">{row.action}</td>
              <td>
                <ReceiptLink id={row.request_id} />
              </td>
              <td class="mono">{row.record_id ?? <span class="dim">none</span>}</td>
              <td>
                <RunLink id={row.run_id ?? null} />
              </td>
              <td>{row.actor ?? <span class="dim">none</span>}</td>
              <td class="num right">{row.amount == null ? "" : number(row.amount)}</td>
              <td class="num right">{row.attempt_number ?? 0}</td>
              <td class="num right">
                <Age at={row.updated_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
