/** Runs one statement. */
type Run = <Row>(text: string, values?: unknown[]) => Promise<Row[]>;

/**
 * Splits the two large tables of an empty schema by the hash of the tenant. `request` takes it as it is, for all its unique
 * indexes have the tenant; the primary key of `log` does not, and gets it. docs/scaling.md says what that means.
 */
export async function partition(run: Run, schema: string, partitions: number): Promise<void> {
  for (const table of ["request", "log"]) {
    const [options] = await run<{ with: string | null }>(
      "SELECT array_to_string(reloptions, ', ') AS with FROM pg_class WHERE oid = $1::regclass",
      [`${schema}.${table}`],
    );
    const [key] = await run<{ name: string; definition: string }>(
      `SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE conrelid = $1::regclass AND contype = 'p'`,
      [`${schema}.${table}`],
    );
    if (!key) throw new Error(`${table} has no primary key`);
    const indexes = await run<{ definition: string }>(
      "SELECT indexdef AS definition FROM pg_indexes WHERE schemaname = $1 AND tablename = $2 AND indexname <> $3",
      [schema, table, key.name],
    );
    await run(`ALTER TABLE ${schema}.${table} RENAME TO whole`);
    await run(
      `CREATE TABLE ${schema}.${table} (LIKE ${schema}.whole INCLUDING DEFAULTS INCLUDING IDENTITY) PARTITION BY HASH (tenant)`,
    );
    await run(`DROP TABLE ${schema}.whole`);
    for (let n = 0; n < partitions; n++) {
      await run(`CREATE TABLE ${schema}.${table}_${n} PARTITION OF ${schema}.${table}
FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${n})${options?.with ? ` WITH (${options.with})` : ""}`);
    }
    const definition = /\btenant\b/.test(key.definition) ? key.definition : key.definition.replace(")", ", tenant)");
    await run(`ALTER TABLE ${schema}.${table} ADD ${definition}`);
    for (const index of indexes) await run(index.definition);
  }
}
