import { userInfo } from "node:os";

/** Who decides: as given, or the user at the keyboard. */
export function actorOf({ actor }: { readonly actor?: string }): string {
  return actor ?? userName();
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`; // a container without a passwd entry
  }
}
