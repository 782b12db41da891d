import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, part } from "../api/client.ts";
import type { Halt, LogEntry, Page as PageOf } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { link } from "../hooks/use-route.ts";
import { Empty, Loading, Page, ProblemNote, Section } from "../parts/basics.tsx";
import { Halting } from "../parts/halting.tsx";
import { LogLines } from "../parts/log-lines.tsx";
import { ReceiptTable } from "../parts/receipt-table.tsx";

export function RunView({ id }: { readonly id: string }): JSX.Element {
  const me = useMe();
  const [size, setSize] = useState(100);
  const { value, problem, ready, reload } = useLoaded(async (signal) => {
    const [receipts, log, halts] = await Promise.all([
      get<PageOf>("/v1/receipts", { run_id: id, limit: Math.min(size, 500) }, signal),
      get<{ entries: readonly LogEntry[]; next: string | null }>("/v1/log", { run_id: id, limit: size }, signal),
      get<{ halts: readonly Halt[] }>("/v1/halts", {}, signal),
    ]);
    return { receipts, log, halt: halts.halts.find((halt) => halt.scope === "run" && halt.id === id) ?? null };
  }, `${id} ${size}`);
  useEvents((receipt) => {
    if (receipt.run_id === id) reload();
  });
  return (
    <Page
      title="Run"
      ready={ready}
      lead={<span class="mono wrap">{id}</span>}
      aside={<a href={link(["correction"], { run_id: id })}>Blast radius of this run</a>}
    >
      <ProblemNote problem={problem} retry={reload} />
      {!ready && <Loading />}
      {value && (
        <>
          <Halting
            scope="run"
            id={id}
            path={`/v1/runs/${part(id)}`}
            halt={value.halt}
            mayStop={may(me, "stop")}
            onDone={reload}
          />
          <Section title="Its requests">
            {value.receipts.receipts.length === 0 ? (
              <Empty title="No request of this run is known." />
            ) : (
              <ReceiptTable rows={value.receipts.receipts} label="Requests of this run" />
            )}
          </Section>
          <Section title="Everything it did, newest first">
            <LogLines entries={value.log.entries} label="Log of this run" />
            {value.log.next && size < 1_000 && (
              <button type="button" onClick={() => setSize(Math.min(1_000, size * 3))}>
                Show more
              </button>
            )}
          </Section>
        </>
      )}
    </Page>
  );
}
