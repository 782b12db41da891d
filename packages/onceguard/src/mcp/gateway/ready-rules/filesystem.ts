import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, READS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

/**
 * An agent does the same again on purpose once something else has changed the file (an edit, its undoing, the edit). What
 * it cannot see here is a change by somebody else, so the window is short, too.
 *
 * Each of these tools checks first and changes the file last, by a rename. What can go wrong after that is a full disk
 * in the middle of a new file or of a row of new folders: then the same call writes the whole of it.
 */
const CHANGES: ToolRule = { riskTier: "side_effecting", window: "10m", untilChanged: true, noEffectOnError: true };

/** `@modelcontextprotocol/server-filesystem`. It has no tool that deletes. */
export const filesystem: ReadyRules = {
  server: "@modelcontextprotocol/server-filesystem",
  version: "2026.8.31",
  tools: {
    ...alike(READS, [
      "read_file",
      "read_text_file",
      "read_media_file",
      "read_multiple_files",
      "list_directory",
      "list_directory_with_sizes",
      "directory_tree",
      "search_files",
      "get_file_info",
      "list_allowed_directories",
    ]),
    write_file: { ...CHANGES, record: "file:{path}" },
    // A second run of the same edit finds other text than the first did, or changes the next place that looks alike.
    edit_file: { ...CHANGES, record: "file:{path}" },
    create_directory: { ...CHANGES, record: "file:{path}" },
    move_file: { ...CHANGES, record: "file:{source}" },
  },
};
