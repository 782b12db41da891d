import assert from "node:assert/strict";
import { lineOf } from "../../core/log-line.ts";
import type { StoredResult } from "../../core/receipt.ts";
import type { StoreContractCase } from "./context.ts";
import { claimed, DOUBT, found, INDEFINITE, moved, SUCCESS, sameRecord } from "./fixtures.ts";

/** Texts that SQL, array and JSON encodings get wrong when nobody looks. NUL is not among them: no database takes it. */
const TEXTS: readonly string[] = [
  "",
  " ",
  "NULL",
  "null",
  "{}",
  '{"a",b}',
  "{NULL}",
  "it's",
  "'; DROP TABLE request; --",
  '"quoted"',
  "back\\slash \\x00 \\u0000",
  "$1 $2 ?",
  "%_",
  "tab\tnew\nline\r\n",
  "\u0001\u0008\u001b\u001f\u007f\u0085\u2028",
  "Größe é e\u0301 ﬁ",
  "שלום 你好",
  "💶👩‍👩‍👧 \u{10ffff}",
  "\ufeffbom",
  "trailing   ",
];

export const values: readonly StoreContractCase[] = [
  {
    name: "values: every text comes back as it went in, in every column",
    async run({ store }) {
      await Promise.all(
        TEXTS.map(async (text, n) => {
          const { receipt } = await claimed(store, `id ${n} ${text}`, {
            tenant: `tenant ${text}`,
            explicitId: `explicit ${n} ${text}`,
            action: text,
            recordId: text,
            fingerprint: text,
            payload: JSON.stringify(text),
            runId: text,
            actor: text,
            ownerToken: `owner ${n} ${text}`,
          });
          sameRecord(await found(store, receipt), receipt);
          sameRecord(await store.find(receipt.tenant, receipt.explicitId as string), receipt);
          const [listed] = await store.list({ tenant: receipt.tenant, recordId: text, runId: text, limit: 1 });
          sameRecord(listed ?? null, receipt);
          const failure = { ...INDEFINITE, code: text, message: text };
          const review = await moved(
            store,
            receipt,
            { type: "indefinite", failure, nextInMs: 0 },
            { type: "give_up", reason: text, route: "security" },
          );
          sameRecord(await found(store, receipt), review);
          const result = n % 2 ? { json: JSON.stringify({ [text]: text }) } : { omitted: text };
          const done = await moved(store, review, {
            type: "resolve",
            decision: "happened",
            result,
            actor: text,
            reason: text,
          });
          assert.deepEqual(done.result, result);
          sameRecord(await found(store, receipt), done);
          await store.append(
            lineOf(receipt, text, {
              detail: text,
              hostScope: text,
              hostCallId: text,
              traceId: text,
              before: text,
              after: text,
            }),
          );
          const log = await store.log(receipt.tenant, receipt.requestId);
          assert.deepEqual(
            log.map(({ actor }) => actor),
            [text, text, text, text, text],
          );
          assert.deepEqual([log[4]?.event, log[4]?.detail], [text, text]);
        }),
      );
    },
  },
  {
    name: "values: nothing, empty, JSON null and omitted are four different results",
    async run({ store }) {
      const results: (StoredResult | null)[] = [null, { json: '""' }, { json: "null" }, { omitted: "not_json" }];
      for (const [n, result] of results.entries()) {
        const done = await moved(store, (await claimed(store, `r-${n}`)).receipt, { type: "success", result });
        assert.deepEqual((await found(store, done)).result, result);
      }
    },
  },
  {
    name: "values: null columns stay null",
    async run({ store }) {
      const nothing = { explicitId: null, recordId: null, runId: null, actor: null };
      const { receipt } = await claimed(store, "r", nothing);
      sameRecord(await found(store, receipt), receipt);
      sameRecord(await found(store, receipt), { ...receipt, ...nothing });
      await claimed(store, "r2", nothing); // two without an explicit id do not stand for one intent
      assert.equal((await store.log("acme", "r"))[0]?.actor, null);
    },
  },
  {
    name: "values: 1 MiB of payload and of result",
    async run({ store }) {
      const json = (seed: string) => JSON.stringify({ text: `${seed}ö€💶`.repeat(1_048_576 / 10) });
      const receipts = await Promise.all(
        ["a", "b", "c"].map(async (id) => {
          const { receipt } = await claimed(store, id, { payload: json(id) });
          return moved(store, receipt, { type: "success", result: { json: json(id) } });
        }),
      );
      for (const receipt of receipts) sameRecord(await found(store, receipt), receipt);
    },
  },
  {
    name: "values: times up to 2^53 - 1, to the millisecond",
    async run({ store }) {
      const { createdAt } = (await claimed(store, "now")).receipt;
      // An hour off the end, so that a clock that goes on does not push it over.
      for (const [id, leaseMs] of Object.entries({
        far: Number.MAX_SAFE_INTEGER - createdAt - 3_600_001,
        odd: 2 ** 52 + 1 - createdAt,
        int: 2 ** 32 + 1,
      })) {
        const { receipt } = await claimed(store, id, { leaseMs });
        assert.equal(receipt.dueAt, receipt.createdAt + leaseMs);
        sameRecord(await found(store, receipt), receipt);
        await store.renew([{ tenant: "acme", requestId: id, fencingToken: 1, leaseMs: leaseMs + 1_001 }]);
        const renewed = await found(store, receipt);
        assert.ok((renewed.dueAt ?? 0) >= (receipt.dueAt ?? 0) + 1_001 && Number.isSafeInteger(renewed.dueAt));
        const doubt = await moved(store, receipt, { ...DOUBT, nextInMs: leaseMs } as typeof DOUBT);
        assert.equal(doubt.dueAt, doubt.updatedAt + leaseMs);
        sameRecord(await found(store, receipt), doubt);
      }
    },
  },
  {
    name: "values: what the store answered is a value: later changes do not reach it",
    async run({ store, advance }) {
      const claim = await claimed(store, "r");
      const log = await store.log("acme", "r");
      const before = structuredClone([claim.receipt, log]);
      await advance(5);
      await store.renew([{ tenant: "acme", requestId: "r", fencingToken: 1, leaseMs: 90_000 }]);
      await moved(store, claim.receipt, SUCCESS);
      assert.deepEqual([claim.receipt, log], before);
    },
  },
];
