const KNOWN: Map<string, string> = new Map();

/** The one text of a name. A parser cuts it anew from the source each time, and a longer one keeps the whole source. */
export function sameName(name: string): string {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  KNOWN.set(name, name);
  return name;
}
