import { InputError } from "../input-error.ts";
import type { Finding } from "../rules/finding.ts";

const MIN_FINGERPRINT = 4;

/**
 * The findings that somebody has chosen: by rule (`DUP001`), by fingerprint or how it begins (`3f2a91c0`), or by number in
 * the list (`2`). All of them, if nothing was chosen.
 */
export function chosen(findings: readonly Finding[], selectors: readonly string[]): readonly Finding[] {
  if (selectors.length === 0) return findings;
  const kept = new Set<Finding>();
  for (const selector of selectors) {
    const found = matching(findings, selector);
    if (found.length === 0) throw new InputError(`--only ${selector}: there is no such finding`);
    for (const one of found) kept.add(one);
  }
  return findings.filter((one) => kept.has(one));
}

function matching(findings: readonly Finding[], selector: string): readonly Finding[] {
  if (/^DUP\d+$/i.test(selector)) return findings.filter((one) => one.rule === selector.toUpperCase());
  if (selector.length >= MIN_FINGERPRINT && /^[0-9a-f]+$/i.test(selector)) {
    const found = findings.filter((one) => one.fingerprint.startsWith(selector.toLowerCase()));
    if (found.length > 0) return found;
  }
  const one = /^\d+$/.test(selector) ? findings[Number(selector) - 1] : undefined;
  return one ? [one] : [];
}
