import { postgresStore } from "onceguard/postgres";
import { barePostgres } from "../bare.ts";
import type { Other } from "./other.ts";

export const bare: Other = {
  name: "pg, two prepared statements",
  advice: "https://node-postgres.com/features/queries#prepared-statements",
  note: "An insert and an update on a table like ours, without a log; replay is a `SELECT`.",

  async start(url) {
    const store = postgresStore({ url });
    await store.open(); // makes the table that this one is like
    await store.close();
    return barePostgres(url);
  },
};
