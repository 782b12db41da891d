/** What a request says, for which it counts: the steps of its path, the values of its query, and every text in its body. */
export function referencesIn(path: string, body: unknown): ReadonlySet<string> {
  const { pathname, searchParams } = new URL(path, "http://world");
  const found = new Set([...pathname.split("/").filter(Boolean).map(decoded), ...searchParams.values()]);
  collect(body, found);
  return found;
}

function collect(value: unknown, found: Set<string>): void {
  if (typeof value === "string") found.add(value);
  else if (typeof value === "object" && value !== null) for (const one of Object.values(value)) collect(one, found);
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
