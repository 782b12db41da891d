import { DatabaseSync } from "node:sqlite";
import { createGuard } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { post } from "../support/http.ts";
import { confirmationOf } from "./confirmation.ts";

/**
 * A process of the shop: takes one order, and confirms it by mail.
 *
 *   node shop.ts <database> <mail server> <order> <how> <what goes wrong>
 */
const [path = "", mailServer = "", order = "", how = "", trouble = ""] = process.argv.slice(2);

const db = new DatabaseSync(path);
const guard = createGuard({ store: sqliteStore({ path }), actions: [confirmationOf(mailServer)], sweepEvery: false });
await guard.receipts(); // opens the store, before our transaction keeps everybody else out

db.exec("BEGIN IMMEDIATE");
db.prepare("INSERT INTO orders (id) VALUES (?)").run(order);
if (how === "mail_first") await post(`${mailServer}/mail`, { order });
if (how === "outbox") await guard.enqueue("confirm_order", { order }, { tx: db });
if (trouble === "rolled_back") {
  db.exec("ROLLBACK"); // the card was declined, say
  process.exit();
}
db.exec("COMMIT");
if (trouble === "killed") process.kill(process.pid, "SIGKILL");
if (how === "mail_afterwards") await post(`${mailServer}/mail`, { order });
