#!/bin/sh
# A client of `onceguard serve` for shell scripts: POSIX sh and curl, nothing else. Copy it into your project.
#
#   onceguard.sh execute ACTION PAYLOAD [REQUEST_ID]
#   onceguard.sh claim   ACTION PAYLOAD [REQUEST_ID] -- COMMAND...     the command is the effect
#
# ONCEGUARD_URL (default http://127.0.0.1:8788), ONCEGUARD_KEY, ONCEGUARD_PATIENCE (seconds, default 120).
# The answer is on stdout. Exit: 0 done, now or before; 1 it certainly did not happen; 2 bad request; 65 the id stands for
# something else; 75 not settled: do not do it in another way; 77 denied or halted.
set -u
url=${ONCEGUARD_URL:-http://127.0.0.1:8788}
patience=${ONCEGUARD_PATIENCE:-120}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }

# Any text as a part of a path.
encoded() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }

# Any line of text as JSON.
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n\t' '  ')"; }

# The first member of that name in the last answer: ours come before whatever an effect has answered.
text() { grep -o "\"$1\":\"[^\"]*\"" "$work/body" | head -n 1 | cut -d'"' -f4; }
number() { grep -o "\"$1\":[0-9]*" "$work/body" | head -n 1 | cut -d: -f2; }

# post PATH BODY: the same again until there is an answer that says something. Sets `http` and $work/body.
post() {
  left=$patience
  while :; do
    printf %s "$2" >"$work/request"
    http=$(
      { [ -z "${ONCEGUARD_KEY:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$ONCEGUARD_KEY"; } |
        curl -sS --config - --max-time 60 -H 'content-type: application/json' --data-binary @"$work/request" \
          -D "$work/head" -o "$work/body" -w '%{http_code}' "$url$1" 2>"$work/error"
    ) || http=000 # no answer, or half of one: it may have been done
    case $http in 000 | 409 | 429 | 503) ;; *) return ;; esac
    wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$work/head" 2>/dev/null | tail -n 1)
    wait=${wait:-1}
    left=$((left - wait))
    [ "$left" -ge 0 ] || return
    sleep "$wait"
  done
}

# What the answer says, as the exit code.
finish() {
  if [ "$http" = 000 ]; then
    cat "$work/error" >&2
    exit 75
  fi
  cat "$work/body"
  echo
  if [ "$http" -lt 400 ]; then status=$(text status); else status=$(text code); fi
  case $status in
    executed | replayed | skipped) exit 0 ;;
    failed) exit 1 ;;
    mismatch) exit 65 ;;
    denied | halted) exit 77 ;;
    in_doubt | in_progress | review | held | retry_later | expired | unavailable | rate_limited | too_busy | draining) exit 75 ;;
    *) exit 2 ;;
  esac
}

[ $# -ge 3 ] || usage
what=$1 action=$2 payload=$3
shift 3
id=''
if [ $# -gt 0 ] && [ "$1" != -- ]; then
  id=$1
  shift
fi
[ $# -eq 0 ] || shift # the --
call="\"action\":$(quoted "$action"),\"payload\":$payload"
[ -z "$id" ] || call="$call,\"request_id\":$(quoted "$id")"

case $what in
  execute)
    post /v1/execute "{$call}"
    finish
    ;;
  claim)
    [ $# -gt 0 ] || usage
    # With the same token: when the answer gets lost, the second claim is the first one.
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    post /v1/claims "{$call,\"claim_token\":\"$token\",\"lease_ms\":${ONCEGUARD_LEASE_MS:-3600000}}"
    [ "$http" = 200 ] && [ "$(text status)" = claimed ] || finish
    path=/v1/claims/$(encoded "${id:-$(text request_id)}")
    fence=$(number fencing_token)
    ONCEGUARD_IDEMPOTENCY_KEY=$(text idempotency_key) "$@" >"$work/out"
    code=$?
    if [ $code = 126 ] || [ $code = 127 ]; then
      post "$path/fail" "{\"fencing_token\":$fence,\"certainty\":\"definite\",\"code\":\"not_started\",\"message\":\"it could not be started\"}"
    elif [ $code -gt 128 ]; then
      # Killed: nobody knows how far it came.
      post "$path/fail" "{\"fencing_token\":$fence,\"certainty\":\"indefinite\",\"code\":\"killed\",\"message\":\"it ended with $code\"}"
    else
      post "$path/complete" "{\"fencing_token\":$fence,\"result\":{\"exit_code\":$code,\"stdout\":$(quoted "$(head -c 65536 "$work/out")")}}"
    fi
    finish
    ;;
  *) usage ;;
esac
