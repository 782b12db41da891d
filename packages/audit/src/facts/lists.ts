/** The one empty list: most lists of most facts are empty. */
export const NONE: never[] = Object.freeze([]) as unknown as never[];

/** Adds to a list that may still be NONE. Most lists of facts stay at one element, for which `push` would make room for 17. */
export function append<T>(list: T[], one: T): T[] {
  if (list.length === 0) return [one];
  list.push(one);
  return list;
}
