/**
 * The anchor of a heading, as GitHub makes it, so that one link works there and here: lower case, punctuation gone,
 * a hyphen for every blank.
 */
export function slugOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}
