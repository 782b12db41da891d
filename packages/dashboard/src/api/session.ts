const NAME = "onceguard.key";

/** For this tab, until it is closed: never in an address, never on disk, never sent anywhere but to the API. */
export function keyOf(): string | null {
  return sessionStorage.getItem(NAME);
}

export function keepKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, key);
}
