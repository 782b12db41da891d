"""A complete client of `onceguard serve`, in plain Python (3.8 or later, standard library only). Copy it into your project.

    guard = Onceguard("http://127.0.0.1:8788", key=os.environ.get("ONCEGUARD_KEY"))

    outcome = guard.execute("refund", {"order": "A1", "amount": 500})
    if outcome.done: print(outcome.result)

    with guard.claim("open_valve", {"valve": 7}) as claim:   # the effect is your own
        if claim.mine:
            claim.result = open_valve(7, key=claim.idempotency_key)

The same request is sent again until there is an answer that says something: after a broken connection, a timeout, and with
409, 429 and 503. That is what the guard is for. Whatever else is answered is final for this call, and only `executed` and
`replayed` mean that it is done.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class NotDone(Exception):
    """Raise it inside `with guard.claim(...)` when the effect certainly did not happen: it was never sent, or was refused."""

    def __init__(self, message, code="not_done", may_try_again=False):
        super().__init__(message)
        self.code = code
        self.may_try_again = may_try_again


class Unreachable(Exception):
    """Nobody answered in time. It may have been done; the same request, sent later, tells."""


class Refused(Exception):
    """The request does not fit, or this key may not do it. Nothing was done."""

    def __init__(self, problem):
        super().__init__(f"{problem.get('code')}: {problem.get('detail') or problem.get('title')} ({problem.get('type')})")
        self.problem = problem


class Outcome:
    """What became of a request."""

    def __init__(self, body):
        self.body = body
        # In a problem document `status` is the HTTP status, and `code` the outcome's.
        self.status = body["status"] if isinstance(body.get("status"), str) else body.get("code")
        self.request_id = body.get("request_id")
        self.result = body.get("result")

    @property
    def done(self):
        return self.status in ("executed", "replayed")


OUTCOMES = frozenset(
    "executed replayed skipped in_doubt review held denied in_progress expired mismatch failed halted retry_later unavailable claimed".split()
)
AGAIN = frozenset((409, 429, 503))


class Onceguard:
    def __init__(self, url, key=None, timeout=60, patience=120):
        """`timeout`: of one attempt; `patience`: of all attempts of one call. Both in seconds."""
        self.url = url.rstrip("/")
        self.key = key
        self.timeout = timeout
        self.patience = patience

    def execute(self, action, payload, request_id=None, run_id=None):
        return Outcome(self._post("/v1/execute", self._call(action, payload, request_id, run_id)))

    def receipt(self, request_id):
        """What is known of a request; None if nobody has it. Never executes."""
        status, _, body = self._send("GET", "/v1/receipts/" + urllib.parse.quote(request_id, safe=""))
        if status == 404:
            return None
        if status >= 400:
            raise Refused(body)
        return Outcome(body)

    def claim(self, action, payload, request_id=None, run_id=None, lease=300):
        return Claim(self, self._call(action, payload, request_id, run_id), lease)

    @staticmethod
    def _call(action, payload, request_id, run_id):
        call = {"action": action, "payload": payload, "request_id": request_id, "run_id": run_id}
        return {name: value for name, value in call.items() if value is not None}

    def _post(self, path, body):
        """Sends the same until there is an answer, or patience ends."""
        until = time.monotonic() + self.patience
        while True:
            try:
                status, headers, answer = self._send("POST", path, body)
            except (OSError, ValueError) as error:  # no answer, or half of one: it may have been done
                status, headers, answer, why = None, {}, None, error
            if status is not None and status not in AGAIN:
                if status >= 400 and answer.get("code") not in OUTCOMES:
                    raise Refused(answer)
                return answer
            # `/renew` answers a claim that is lost with 409: waiting does not bring it back.
            if status == 409 and (path.endswith("/renew") or answer.get("code") not in OUTCOMES):
                if answer.get("code") in OUTCOMES:
                    return answer
                raise Refused(answer)
            wait = float(headers.get("Retry-After") or 1)
            if time.monotonic() + wait > until:
                if answer is not None and answer.get("code") in OUTCOMES:
                    return answer
                raise Unreachable(f"no answer within {self.patience} s: {answer or why}")
            time.sleep(wait)

    def _send(self, method, path, body=None):
        headers = {"Accept": "application/json"}
        if self.key:
            headers["Authorization"] = "Bearer " + self.key
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, allow_nan=False).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return response.status, response.headers, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, json.loads(error.read())


class Claim:
    """The right to make an effect, once: kept by renewing it for as long as the `with` block runs."""

    def __init__(self, guard, call, lease):
        self._guard = guard
        self._call = {**call, "lease_ms": int(lease * 1000), "claim_token": uuid.uuid4().hex}
        self._lease = lease
        self._ended = threading.Event()
        self.lost = threading.Event()
        self.result = None

    def __enter__(self):
        # With the same token: when the answer gets lost, the second claim is the first one.
        self.outcome = Outcome(self._guard._post("/v1/claims", self._call))
        self.mine = self.outcome.status == "claimed"
        if self.mine:
            self.request_id = self.outcome.request_id
            self.idempotency_key = self.outcome.body["idempotency_key"]
            self._fence = {"fencing_token": self.outcome.body["fencing_token"]}
            self._renewing = threading.Thread(target=self._renew, daemon=True)
            self._renewing.start()
        return self

    def __exit__(self, kind, error, trace):
        if not self.mine:
            return False
        self._ended.set()
        self._renewing.join()
        if error is None:
            self.outcome = self._say("complete", {"result": self.result})
            return False
        # Everything that is not known to have sent nothing may have done it.
        definite = isinstance(error, NotDone)
        failure = {
            "certainty": "definite" if definite else "indefinite",
            "code": error.code if definite else kind.__name__,
            "message": (str(error) or kind.__name__)[:1000],
        }
        if definite and error.may_try_again:
            failure["may_try_again"] = True
        self.outcome = self._say("fail", failure)
        return definite

    def _say(self, what, body):
        path = "/v1/claims/" + urllib.parse.quote(self.request_id, safe="") + "/" + what
        return Outcome(self._guard._post(path, {**self._fence, **body}))

    def _renew(self):
        while not self._ended.wait(self._lease / 3):
            try:
                if self._say("renew", {"lease_ms": int(self._lease * 1000)}).status != "claimed":
                    self.lost.set()
                    return
            except (Refused, Unreachable):
                pass  # the lease may still hold; the next renewal, or the end, will tell


EXIT = {"executed": 0, "replayed": 0, "skipped": 0, "failed": 1, "mismatch": 65, "unavailable": 69, "denied": 77, "halted": 77}


def main(args):
    """onceguard.py execute ACTION PAYLOAD [REQUEST_ID]
    onceguard.py claim ACTION PAYLOAD [REQUEST_ID] -- COMMAND..."""
    if len(args) < 3 or args[0] not in ("execute", "claim"):
        print(main.__doc__, file=sys.stderr)
        return 2
    command = args[args.index("--") + 1 :] if "--" in args else []
    args = args[: args.index("--")] if "--" in args else args
    url = os.environ.get("ONCEGUARD_URL", "http://127.0.0.1:8788")
    patience = float(os.environ.get("ONCEGUARD_PATIENCE", "120"))
    guard = Onceguard(url, os.environ.get("ONCEGUARD_KEY"), patience=patience)
    action, payload, request_id = args[1], json.loads(args[2]), args[3] if len(args) > 3 else None
    try:
        if args[0] == "execute":
            outcome = guard.execute(action, payload, request_id)
        else:
            with guard.claim(action, payload, request_id) as claim:
                if claim.mine:
                    claim.result = run(command, claim)
            outcome = claim.outcome
    except (Unreachable, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 75
    except Refused as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(outcome.body))
    return EXIT.get(outcome.status, 75)


def run(command, claim):
    try:
        env = {**os.environ, "ONCEGUARD_IDEMPOTENCY_KEY": claim.idempotency_key}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise NotDone(f"it could not be started: {error}", "not_started")
    if done.returncode < 0:
        raise RuntimeError(f"it was killed by signal {-done.returncode}")  # nobody knows how far it came
    return {"exit_code": done.returncode, "stdout": done.stdout}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
