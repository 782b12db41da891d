import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { createGuard } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";
import { confirmationOf } from "./confirmation.ts";

await story("An order and its confirmation, and a shop that can fail in between", async () => {
  const without = await side("Without the guard", {}, async (mail) => {
    const db = database(mail);
    say(`A-1, mail before the commit: ${shop(mail, "A-1", "mail_first", "rolled_back")}`);
    say(`A-2, mail after the commit: ${shop(mail, "A-2", "mail_afterwards", "killed")}`);
    return judge(mail, db);
  });

  const guarded = await side("With the guard", {}, async (mail) => {
    const db = database(mail);
    const store = sqliteStore({ path: join(mail.folder, "shop.db") });
    const sender = createGuard({ store, actions: [confirmationOf(mail.url)], sweepEvery: false });
    await sender.receipts(); // makes its tables
    say(`A-1, enqueued in its transaction: ${shop(mail, "A-1", "outbox", "rolled_back")}`);
    say(`A-2, enqueued in its transaction: ${shop(mail, "A-2", "outbox", "killed")}`);
    await mail.cue({ fault: "lose_response" }); // and the mail server's answer gets lost on top of it
    await sender.reconcile(); // what a sweeper does by itself, every five seconds
    await sender.close();
    return judge(mail, db);
  });

  console.log();
  holds("without the guard", without, { orders: ["A-2"], confirmed: ["A-1"] });
  holds("with the guard", guarded, { orders: ["A-2"], confirmed: ["A-2"] });
});

function database(mail: World): DatabaseSync {
  const db = new DatabaseSync(join(mail.folder, "shop.db"));
  db.exec("CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT");
  return db;
}

/** Has an order taken by a process of its own, and says how that process ended. */
function shop(mail: World, order: string, how: string, trouble: "rolled_back" | "killed"): string {
  const file = fileURLToPath(new URL("shop.ts", import.meta.url));
  const args = [file, join(mail.folder, "shop.db"), mail.url, order, how, trouble];
  const { status, signal } = spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (trouble === "killed" ? signal !== "SIGKILL" : status !== 0)
    throw new Error(`The shop ended with ${status}, ${signal}.`);
  return trouble === "killed" ? "committed, then killed" : "rolled back";
}

/** What there is: orders in the shop's database, mail in the mail server's ledger. */
function judge(mail: World, db: DatabaseSync) {
  const orders = db
    .prepare("SELECT id FROM orders ORDER BY id")
    .all()
    .map(({ id }) => id);
  db.close();
  return { orders, confirmed: mail.effects("mail").map(({ order }) => order) };
}
