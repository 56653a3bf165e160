"""Fuzzes a sandbox by the published API documents, as each kind of client and as nobody.

    fuzz.py SANDBOX.json DOCUMENTS SEED CASES

DOCUMENTS is the folder of `submission-api-1.1.3.yaml` and `routing-api-2.0.0.yaml`. Prints one PASS or FAIL line for each run; a run fails
if an answer is a server error, has a status, media type or body that the document does not name, or if nothing was accepted at all.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from scenario import Sandbox
from v2_client import Sender, Subscriber, pdf

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
# Every run ends after this.
RUN_MAX_S = 900


class V1Sender(Sender):
    def __init__(self, sandbox):
        super().__init__(sandbox, "v1")

    def announcement(self, ids, **more):
        body = super().announcement(ids, **more)
        body["serviceType"] = body.pop("publicService")
        return body

    def destination(self):
        return self.ok(200, "GET", f"/destinations/{self.sandbox['destinationId']}").json()


def known(sandbox):
    """What exists before the first run: submissions in every state, keys, a destination's description."""
    sender, receiver = V1Sender(sandbox), Subscriber(sandbox, "v1")
    submissions = []
    for end in (None, None, None, receiver.accept, lambda id: receiver.reject(id, "schema-violation")):
        files = {str(uuid.uuid4()): pdf("fuzz")}
        sent, tags = sender.send(files)
        if end:
            end(sent["submissionId"])
        submissions.append({**sent, "attachments": list(files), "tags": tags})
    open_ids = [str(uuid.uuid4())]
    submissions.append({**sender.announce(open_ids), "attachments": open_ids})
    encryption, signature = sandbox.key("encryptionPublic"), sandbox.key("signaturePublic")
    destination = sender.destination()
    description = {
        "contactInformation": {"legalName": "Fuzz", "address": "Weg 1", "phone": "+49 69 90009 000", "email": "fuzz@example.org"},
        "services": destination["services"][:1],
        "encryptionKid": encryption["kid"],
        "encryptionPublicKey": encryption,
        "signingPublicKey": signature,
        "metadataVersions": ["1.0.0", "2.1.0"],
    }
    made = receiver.ok(201, "POST", "/destinations", json=description).json()
    return {
        "destinations": [sandbox["destinationId"]],
        "scratch": [made["destinationId"]],
        "submissions": submissions,
        "kids": [encryption["kid"], signature["kid"]],
        "destination": description,
        "service": sandbox["service"],
        "jwe": sender.sealed(encryption, b"{}"),
        "signing": sandbox.key("signing"),
        "now": int(time.time()),
    }


def fuzz(name, document, base, settings, *options):
    """One run; whether it passed."""
    started = time.monotonic()
    command = [
        str(Path(sys.executable).parent / "st"), "run", str(document), "--url", base, "--checks", CHECKS,
        "--seed", str(settings["seed"]), "--max-examples", str(settings["cases"]), "--continue-on-failure", "--no-color",
        "--generation-database", "none", "--warnings", "off", "--request-timeout", "60", *options,
    ]
    hooks = {"AMTSBOTE_FUZZ": json.dumps({"seed": settings["seed"], "known": settings["known"]}), "SCHEMATHESIS_HOOKS": "fuzz_hooks"}
    places = {"PYTHONPATH": str(Path(__file__).parent), "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(command, env={**os.environ, **hooks, **places}, capture_output=True, text=True, timeout=RUN_MAX_S)
    counted = next((line.strip() for line in run.stdout.splitlines() if "generated" in line), "nothing was generated")
    passed = run.returncode == 0 and "generated" in counted
    print(f"{'PASS' if passed else 'FAIL'} fuzz: {name}: {counted} ({time.monotonic() - started:.0f} s)", flush=True)
    if not passed:
        print(run.stdout[-20_000:], run.stderr[-5_000:], file=sys.stderr)
    return passed


def main(sandbox_file, documents, seed, cases):
    sandbox = Sandbox(sandbox_file)
    submission, routing = Path(documents) / "submission-api-1.1.3.yaml", Path(documents) / "routing-api-2.0.0.yaml"
    settings = {"seed": int(seed), "cases": int(cases), "known": known(sandbox)}
    bearers = {"nobody": None}
    for role in ("sender", "subscriber", "receiver"):
        if role in sandbox.facts:
            client = Sender(sandbox)
            client.role = role
            bearers[role] = client.token()
    passed = True
    single, stateful = ["--phases", "examples,coverage,fuzzing"], ["--phases", "stateful"]
    for role, bearer in bearers.items():
        as_role = ["--header", f"Authorization: Bearer {bearer}"] if bearer else []
        passed &= fuzz(f"submission API as {role}", submission, sandbox["submissionApiUrl"], settings, *single, *as_role)
    for role in ("sender", "subscriber"):
        as_role = ["--header", f"Authorization: Bearer {bearers[role]}"]
        short = {**settings, "cases": max(3, settings["cases"] // 5)}
        passed &= fuzz(f"submission API as {role}, in sequences", submission, sandbox["submissionApiUrl"], short, *stateful, *as_role)
    as_manager = ["--header", f"Authorization: Bearer {bearers['subscriber']}", "--include-path-regex", "^/v1/destinations"]
    passed &= fuzz("destination API", submission, sandbox["destinationApiUrl"], settings, *single, *as_manager)
    for version in ("v1", "v2"):
        passed &= fuzz(f"routing API {version}", routing, f"{sandbox['routingApiUrl']}/{version}", settings, *single)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
