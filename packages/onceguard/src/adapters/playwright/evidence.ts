import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { type PageLike, withoutQuery } from "./page-like.ts";

/** Screenshots before and after the effect. */
export interface EvidenceOptions<Page> {
  /**
   * Where they are kept, made when it is needed; readable by this user only. The action log has the name and the digest of each:
   * the log is in the store's own database, and pictures are not.
   */
  readonly folder: string;
  /** Default `page.screenshot()`: what the window shows. For a part of it, or with fields masked. */
  readonly shoot?: (page: Page) => Promise<Uint8Array>;
}

/** What the action log has of a picture. */
export interface Screenshot {
  /** Its name in the folder: its digest, and the same picture is kept once. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A page that does not let itself be photographed must not hold up the record of what it did. */
const LONGEST_MS = 5_000;

/** Where the page is, and what it shows; on the disk before anybody is told its name. */
export async function evidenceOf<Page extends PageLike>(
  page: Page,
  { folder, shoot = (shown) => shown.screenshot({ timeout: LONGEST_MS }) }: EvidenceOptions<Page>,
): Promise<{ readonly url: string; readonly screenshot: Screenshot }> {
  const url = withoutQuery(page.url());
  return { url, screenshot: await keep(await shoot(page), folder) };
}

/** Until what the answer has set off is there to be seen. */
export async function shown(page: PageLike): Promise<void> {
  await page.waitForLoadState("load", { timeout: LONGEST_MS }).catch(() => undefined);
}

async function keep(picture: Uint8Array, folder: string): Promise<Screenshot> {
  const sha256 = createHash("sha256").update(picture).digest("hex");
  const file = `${sha256}.${picture[0] === 0x89 ? "png" : "jpg"}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Over one of the same name: a crash may have cut that one off.
  const handle = await open(join(folder, file), "w", 0o600);
  try {
    await handle.writeFile(picture);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { file, sha256, bytes: picture.length };
}
