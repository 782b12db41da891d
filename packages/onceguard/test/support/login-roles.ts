import { randomBytes } from "node:crypto";
import pg from "pg";

/** Database roles that log in, as an operator makes them: with no rights at all. Gone at the end. */
export interface LoginRoles<Name extends string> {
  readonly name: Readonly<Record<Name, string>>;
  /** The database as this role connects to it. */
  readonly url: Readonly<Record<Name, string>>;
  drop(): Promise<void>;
}

/** @param url a superuser's connection to the database that they shall see. */
export async function loginRoles<Name extends string>(url: string, ...names: Name[]): Promise<LoginRoles<Name>> {
  const suffix = randomBytes(6).toString("hex");
  const name = {} as Record<Name, string>;
  const urls = {} as Record<Name, string>;
  for (const one of names) {
    name[one] = `${one}_${suffix}`;
    const own = new URL(url);
    own.username = name[one];
    urls[one] = own.href;
  }
  const each = async (text: (role: string) => string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (const one of names) await client.query(text(name[one]));
    await client.end();
  };
  await each((role) => `CREATE ROLE ${role} LOGIN`);
  return {
    name,
    url: urls,
    drop: async () => {
      await each((role) => `DROP OWNED BY ${role} CASCADE`);
      await each((role) => `DROP ROLE ${role}`);
    },
  };
}
