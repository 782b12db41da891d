import { createHash } from "node:crypto";
import type { Happening } from "./happening.ts";
import { fillPage, type PageFiles } from "./page-files.ts";

export interface Recording {
  readonly recorded_at: string;
  readonly happenings: readonly Happening[];
}

/** One file that needs nothing else: script, style and what happened are inline, and its policy lets in only those. */
export function recordingPage({ html, css, script }: PageFiles, recording: Recording): string {
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(css)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  // Data, not a script: no browser runs it, and nothing in it can end its element.
  const data = JSON.stringify(recording).replaceAll("<", "\\u003c");
  return fillPage(
    html,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<style>${css}</style>`,
    `<script type="application/json" id="recording">${data}</script>\n<script type="module">${script}</script>`,
  );
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
