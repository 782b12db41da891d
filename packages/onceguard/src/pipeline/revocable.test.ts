import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { revocable } from "./revocable.ts";

describe("a handle that can be taken back", () => {
  const database = () => {
    const db = new DatabaseSync(":memory:");
    db.exec("CREATE TABLE paid (id TEXT)");
    const { handle, revoke } = revocable(db);
    return { db, tx: handle as DatabaseSync, revoke };
  };
  const paid = (db: DatabaseSync) => db.prepare("SELECT id FROM paid").all();

  test("is the handle itself, its own `this` included, for as long as it is given", () => {
    const { db, tx } = database();
    tx.exec("INSERT INTO paid VALUES ('1')");
    tx.prepare("INSERT INTO paid VALUES (?)").run("2");
    expect(paid(db)).toEqual([{ id: "1" }, { id: "2" }]);
    expect(tx.prepare("SELECT id FROM paid WHERE id = ?").get("2")).toEqual({ id: "2" });
  });

  test("writes nothing more once it is taken back, nor do the statements that were made with it", () => {
    const { db, tx, revoke } = database();
    const statement = tx.prepare("INSERT INTO paid VALUES (?)");
    revoke();
    expect(() => tx.exec("INSERT INTO paid VALUES ('1')")).toThrow("The transaction is over");
    expect(() => statement.run("2")).toThrow("The transaction is over");
    expect(() => tx.prepare("SELECT 1")).toThrow("The transaction is over");
    expect(paid(db)).toEqual([]);
  });

  test("gives plain members and plain answers as they are", async () => {
    const answer = { rows: [1] };
    const { handle } = revocable({
      mode: "write",
      query: () => answer,
      nothing: () => null,
      asked: async () => answer,
    });
    const tx = handle as { mode: string; query(): object; nothing(): null; asked(): Promise<object> };
    expect(tx.mode).toBe("write");
    expect(tx.query()).toBe(answer);
    expect(tx.nothing()).toBeNull();
    expect(await tx.asked()).toBe(answer);
  });

  test.each([
    ["run alone", { run: () => 1 }],
    ["all alone", { all: () => 1 }],
  ])("takes no answer for a statement because it has %s", (_what, answer) => {
    const { handle } = revocable({ query: () => answer });
    expect((handle as { query(): object }).query()).toBe(answer);
  });

  test.each([null, undefined, "text", 5])("what is no object is nothing to take back: %j", (handle) => {
    expect(revocable(handle).handle).toBe(handle);
  });
});
