/** Names that may have been meant by one that does not exist, best first, at most three. */
export function nearNames(given: string, names: readonly string[]): readonly string[] {
  const wanted = bare(given);
  if (wanted === "") return [];
  return names
    .map((name) => ({ name, distance: distanceBetween(wanted, bare(name)) }))
    .filter(({ distance }) => distance <= 2)
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `StepFunctions`, `step_functions` and `step-functions` are the same name to a person. */
function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

/** Edits from one to the other; 1 where one begins with the other, as `slack-web` does with `slack`. */
function distanceBetween(a: string, b: string): number {
  const edits = levenshtein(a, b);
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  return short.length >= 3 && long.startsWith(short) ? Math.min(edits, 1) : edits;
}

function levenshtein(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] as number) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
