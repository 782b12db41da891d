import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// The server reports refusals and lost answers alike, as error results; which it was is in their words. They begin with
// the step that failed. So where a tool takes several steps, only that of the first effect shows that nothing was done.

const BAD_ARGUMENTS = "missing required parameter|parameter \\S+ is not of type ";
const STATUS = "(?:GET|POST|PUT|PATCH|DELETE) \\S+: 4(?:0[013459]|10|22|51) ";
/** Of a 422 the server shows GitHub's words only. */
const WORDS = "Validation Failed|Reference already exists|GitHub API (?:validation failed|rate limit exceeded)";

/** Errors that show that GitHub refused one of these steps. */
function refusedTo(...steps: readonly string[]): string {
  return `^(?:${BAD_ARGUMENTS}|failed to (?:${steps.join("|")}): (?:${STATUS}|${WORDS}))`;
}

/** Of the others only those that come before all steps. */
const NOT_BEGUN = { noEffectWhen: `^(?:${BAD_ARGUMENTS})` } as const;

const ISSUE = { record: "issue:{owner}/{repo}#{issue_number}" } as const;
const PULL = { record: "pull:{owner}/{repo}#{pullNumber}" } as const;
const REPOSITORY = { record: "repository:{owner}/{repo}" } as const;

/** Bots are given the same command again after a while: "/retest". */
const SAYS: ToolRule = { ...MAKES, window: "1h", ...NOT_BEGUN };
/** How something shall be. */
const CHANGES: ToolRule = { ...SETS, ...NOT_BEGUN };
/** A commit; the words about it differ between two attempts at the same one. */
const COMMITS: ToolRule = {
  riskTier: "side_effecting",
  window: "10m",
  volatile: ["message"],
  ...REPOSITORY,
  ...NOT_BEGUN,
};

/** GitHub's own server, all its toolsets, with the tools behind feature flags. */
export const github: ReadyRules = {
  server: "github.com/github/github-mcp-server",
  version: "1.10.1",
  tools: {
    ...alike(READS, [
      "actions_get",
      "actions_list",
      "find_duplicate",
      "get_code_quality_finding",
      "get_code_scanning_alert",
      "get_commit",
      "get_dependabot_alert",
      "get_discussion",
      "get_discussion_comments",
      "get_file_blame",
      "get_file_contents",
      "get_gist",
      "get_global_security_advisory",
      "get_job_logs",
      "get_label",
      "get_latest_release",
      "get_me",
      "get_notification_details",
      "get_release_by_tag",
      "get_repository_tree",
      "get_secret_scanning_alert",
      "get_tag",
      "get_team_members",
      "get_teams",
      "issue_dependency_read",
      "issue_read",
      "list_branches",
      "list_code_scanning_alerts",
      "list_commits",
      "list_dependabot_alerts",
      "list_discussion_categories",
      "list_discussions",
      "list_gists",
      "list_global_security_advisories",
      "list_issue_fields",
      "list_issue_types",
      "list_issues",
      "list_label",
      "list_notifications",
      "list_org_repository_security_advisories",
      "list_pull_requests",
      "list_releases",
      "list_repository_collaborators",
      "list_repository_security_advisories",
      "list_secret_scanning_alerts",
      "list_starred_repositories",
      "list_tags",
      "projects_get",
      "projects_list",
      "pull_request_read",
      "search_code",
      "search_commits",
      "search_issues",
      "search_orgs",
      "search_pull_requests",
      "search_repositories",
      "search_users",
      "ui_get",
    ]),

    // Comments, reviews, reactions.
    // A reaction may be there already when the comment is refused; once more it is the same reaction.
    add_issue_comment: { ...SAYS, ...ISSUE, noEffectWhen: refusedTo("create comment", "add reaction to issue") },
    add_issue_reaction: { ...SAYS, ...ISSUE, noEffectWhen: refusedTo("add reaction to issue") },
    assign_copilot_to_issue: { ...SAYS, ...ISSUE },
    ...alike({ ...SAYS, ...PULL }, [
      "add_comment_to_pending_review",
      "add_pull_request_review_comment",
      "create_pull_request_review",
      "pull_request_review_write",
      "request_copilot_review",
      "submit_pending_pull_request_review",
    ]),
    ...alike({ ...SAYS, ...REPOSITORY }, [
      "add_issue_comment_reaction",
      "add_pull_request_review_comment_reaction",
      "add_reply_to_pull_request_comment",
    ]),
    assign_copilot_to_issue_with_intent: { ...SAYS, ...ISSUE, volatile: ["rationale", "confidence"] },
    discussion_comment_write: SAYS,

    // New things. A model words the text of the same issue anew when it tries again.
    create_issue: { ...MAKES, ...REPOSITORY, volatile: ["body"], noEffectWhen: refusedTo("create issue") },
    create_pull_request: { ...SAYS, ...REPOSITORY, noEffectWhen: refusedTo("create pull request") },
    create_gist: { ...MAKES, noEffectWhen: refusedTo("create gist") },
    create_repository: { ...MAKES, noEffectWhen: refusedTo("create repository") },
    fork_repository: { ...MAKES, ...REPOSITORY, noEffectWhen: refusedTo("fork repository") },
    // It creates and it changes.
    issue_write: { ...SAYS, ...REPOSITORY, noEffectWhen: refusedTo("create issue") },

    // How something shall be.
    ...alike({ ...CHANGES, ...ISSUE }, [
      "add_sub_issue",
      "issue_dependency_write",
      "remove_sub_issue",
      "reprioritize_sub_issue",
      "set_issue_fields",
      "sub_issue_write",
      "update_issue_assignees",
      "update_issue_body",
      "update_issue_labels",
      "update_issue_milestone",
      "update_issue_title",
    ]),
    ...alike({ ...CHANGES, ...ISSUE, volatile: ["rationale", "confidence"] }, [
      "update_issue_state",
      "update_issue_type",
    ]),
    ...alike({ ...CHANGES, ...PULL }, [
      "request_pull_request_reviewers",
      "update_pull_request",
      "update_pull_request_body",
      "update_pull_request_branch",
      "update_pull_request_draft_state",
      "update_pull_request_state",
      "update_pull_request_title",
    ]),
    ...alike({ ...CHANGES, ...REPOSITORY }, [
      "label_write",
      "manage_repository_notification_subscription",
      "star_repository",
      "unstar_repository",
    ]),
    ...alike(CHANGES, [
      "dismiss_notification",
      "manage_notification_subscription",
      "mark_all_notifications_read",
      "projects_write",
      "resolve_review_thread",
      "unresolve_review_thread",
      "update_gist",
    ]),

    create_branch: { ...CHANGES, ...REPOSITORY, noEffectWhen: refusedTo("create branch") },

    // Files. What is deleted stays in the history.
    create_or_update_file: {
      ...COMMITS,
      noEffectWhen: refusedTo("create/update file", "check if file exists"),
    },
    // The branch has not moved before the last step.
    delete_file: { ...COMMITS, noEffectWhen: refusedTo("create tree", "create commit", "update reference") },
    // To an empty repository it first adds a file of its own.
    push_files: COMMITS,

    merge_pull_request: {
      riskTier: "irreversible",
      // A pull request is merged once, for ever.
      keyFields: ["owner", "repo", "pullNumber"],
      ...PULL,
      volatile: ["commit_title", "commit_message"],
      noEffectWhen: refusedTo("merge pull request"),
      probe: {
        tool: "pull_request_read",
        arguments: { method: "get", owner: "{owner}", repo: "{repo}", pullNumber: "{pullNumber}" },
        happenedWhen: "merged",
      },
      // A merge whose answer was lost may still be going on.
      settleDelay: "30s",
    },
    // Runs deploy things, and it deletes logs.
    actions_run_trigger: { riskTier: "irreversible", ...REPOSITORY, ...NOT_BEGUN },
    delete_pending_pull_request_review: {
      riskTier: "irreversible",
      ...PULL,
      approval: "deletes the comments of a review that was never submitted",
    },
    delete_repository: {
      riskTier: "irreversible",
      ...REPOSITORY,
      approval: "deletes a repository with its issues and pull requests",
      noEffectWhen: refusedTo("delete repository: \\S+"),
    },
  },
};
