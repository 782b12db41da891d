export const HELP = `Usage: onceguard audit [PATH] [options]

Finds every place where a code base can make the same side effect twice. Reads JavaScript and TypeScript below PATH (the
current folder), executes and installs nothing.

Reports
  --json                 the report as data, on the standard output
  --sarif FILE           SARIF 2.1.0, for code scanning
  --markdown FILE        the written report
  --html FILE            the same as one page that loads nothing
  --all                  show findings of low weight too, and how each effect comes to run again

What is looked at
  --include CLASS        also client, tooling, example, test or generated code (production always)
  --rule DUP001          only these rules (more than once, or with commas)
  --local-state          also inserts into the own database
  --diff BASE            only what differs from the commit BASE, or is reached through what differs
  --baseline FILE        leave out findings that FILE knows
  --write-baseline FILE  write the findings to FILE, for --baseline
  --config FILE          instead of onceguard.audit.json in PATH (own clients, accepted places)

What to do about it
  --fix                  print patches for the simple cases (for git apply); nothing is changed
  --emit-actions FILE    write defineAction skeletons for the findings
  --only WHICH           only for these: a rule, a fingerprint (or how it begins), or a number in the list

Other
  --fail-on SEVERITY     exit with 1 if there is a finding of critical, high, medium, low or info, or worse
  --cache FOLDER         where facts are kept between runs
  --no-cache             keep none
  --version, -h, --help

Exit codes: 0 done, 1 findings that --fail-on names, 2 bad usage or input.

Accept a finding in the code, with a reason:
  // onceguard-ignore-next-line DUP001 -- the supplier drops repeated order numbers
`;
