import type { JSX } from "preact";
import type { CorrectionRow, Difference, Touched } from "../api/types.ts";
import { ReceiptLink, Scroll, StateBadge } from "./basics.tsx";
import { DiffTable } from "./diff.tsx";
import { text, words } from "./words.ts";

export interface Preview {
  readonly rows: readonly (CorrectionRow & {
    readonly would: string;
    readonly reason: string | null;
    readonly changes: readonly Difference[];
  })[];
}

export interface Report {
  readonly run_id: string;
  readonly complete: boolean;
  readonly rows: readonly (CorrectionRow & {
    readonly result: string;
    readonly reason: string | null;
    readonly compensation: string | null;
    readonly restored: boolean | null;
  })[];
}

export function TouchedTable({ rows }: { readonly rows: readonly Touched[] }): JSX.Element {
  return (
    <Scroll label="What was touched">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">state</th>
            <th scope="col">certainty</th>
            <th scope="col">action</th>
            <th scope="col">request</th>
            <th scope="col">record</th>
            <th scope="col">what it changed</th>
            <th scope="col">touched later by</th>
            <th scope="col">can be undone</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ receipt, certainty, changes, later, undo }) => (
            <tr key={receipt.request_id}>
              <td>
                <StateBadge state={receipt.state} />
              </td>
              <td>{words(certainty)}</td>
              <td class="mono">{receipt.action}</td>
              <td>
                <ReceiptLink id={receipt.request_id} />
              </td>
              <td class="mono">{receipt.record_id}</td>
              <td>
                <Changes of={changes} />
              </td>
              <td>{later.map(({ actor, request_id }) => actor ?? request_id).join(", ")}</td>
              <td>{words(undo)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Changes({ of }: { readonly of: readonly Difference[] | null }): JSX.Element {
  if (of === null) return <span class="dim">not read</span>;
  return (
    <>
      {of.map(({ path, from, to }) => (
        <span key={path} class="change">
          <span class="mono">{path}</span> <del>{text(from)}</del> <ins>{text(to)}</ins>
        </span>
      ))}
    </>
  );
}

export function PreviewRows({ of }: { readonly of: Preview }): JSX.Element {
  return (
    <ul class="preview">
      {of.rows.map((row) => (
        <li key={row.request_id}>
          <p>
            <strong>
              {row.would === "correct"
                ? "would be put back"
                : `${words(row.would)}${row.reason ? `: ${words(row.reason)}` : ""}`}
            </strong>{" "}
            <span class="mono">{row.record_id}</span> <ReceiptLink id={row.request_id} />
          </p>
          {row.changes.length > 0 && (
            <DiffTable
              changes={row.changes}
              label={`Dry run of ${row.request_id}`}
              fromLabel="now"
              toLabel="would be"
            />
          )}
        </li>
      ))}
    </ul>
  );
}

export function ReportRows({ of }: { readonly of: Report }): JSX.Element {
  return (
    <Scroll label="What became of it">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">result</th>
            <th scope="col">record</th>
            <th scope="col">request</th>
            <th scope="col">undone by</th>
            <th scope="col">as it was before</th>
          </tr>
        </thead>
        <tbody>
          {of.rows.map((row) => (
            <tr key={row.request_id}>
              <td>
                {words(row.result)}
                {row.reason && <span class="dim"> {words(row.reason)}</span>}
              </td>
              <td class="mono">{row.record_id}</td>
              <td>
                <ReceiptLink id={row.request_id} />
              </td>
              <td>{row.compensation && <ReceiptLink id={row.compensation} />}</td>
              <td>{row.restored === null ? "not read" : row.restored ? "yes" : "no"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
