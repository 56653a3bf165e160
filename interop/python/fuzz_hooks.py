"""Hooks of the fuzzer: leads a part of the generated requests to where something is.

Generated ids hit nothing, generated keys and tokens are none. So a part of the cases gets ids that exist, in each spelling the documents
allow, and bodies that are right except for what the fuzzer made of one member. What answers create is used by later cases.

Settings come as JSON in AMTSBOTE_FUZZ: `seed`, and `known` as fuzz.py wrote it.
"""

import json
import os
import random
import uuid

import schemathesis
from v2_client import EVENTS, Subscriber

SETTINGS = json.loads(os.environ["AMTSBOTE_FUZZ"])
KNOWN = SETTINGS["known"]
RNG = random.Random(SETTINGS["seed"])
# Lists grow while answers come in, up to this.
POOL_MAX = 200
# Larger than a JSON body may be.
TOO_LARGE = "x" * 1_100_000


@schemathesis.serializer("application/jose")
def jose(_, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/jose")
def compact(_, response):
    return response.content.decode()


@schemathesis.hook
def before_load_schema(_, raw_schema):
    """Routing API 2.0.0 declares the areas to be `application/problem+json`, evidently a slip."""
    found = raw_schema["paths"].get("/areas", {}).get("get", {}).get("responses", {}).get("200", {})
    if "application/problem+json" in found.get("content", {}):
        found["content"] = {"application/json": found["content"]["application/problem+json"]}


def often(share):
    return RNG.random() < share


def spelled(id):
    """The same UUID in one of the spellings that are allowed."""
    return RNG.choice([id, id, id.upper(), id.replace("-", "")])


def one(pool, default=None):
    return RNG.choice(KNOWN[pool]) if KNOWN.get(pool) else default


def changes(case):
    return case.method.upper() in ("PUT", "PATCH", "DELETE") or (case.method.upper() == "POST" and "keys" in case.path)


def destination_for(case):
    pools = ["scratch"] if changes(case) else ["destinations", "scratch"]
    return one(RNG.choice(pools), str(uuid.uuid4()))


def spare(case):
    """What changes or deletes goes to destinations made for it: nothing can be sent to a decommissioned one."""
    path = case.path_parameters or {}
    if changes(case) and path.get("destinationId") in KNOWN["destinations"]:
        path["destinationId"] = destination_for(case)


def lead(case):
    """Real ids into path and query."""
    path = case.path_parameters or {}
    submission = one("submissions", {})
    real = {
        "destinationId": lambda: spelled(destination_for(case)),
        "submissionId": lambda: spelled(submission["submissionId"]),
        "caseId": lambda: spelled(submission["caseId"]),
        "attachmentId": lambda: spelled(RNG.choice(submission["attachments"] or [str(uuid.uuid4())])),
        "keyId": lambda: one("kids"),
    }
    for name in list(path):
        if name in real and (submission or name in ("destinationId", "keyId")):
            path[name] = real[name]()
    if case.query and "destinationId" in case.query:
        case.query["destinationId"] = spelled(destination_for(case))
    return submission


def right_body(case, submission):
    """A body that would do."""
    match (case.method.upper(), case.path):
        case ("POST", "/v1/destinations"):
            return json.loads(json.dumps(KNOWN["destination"]))
        case ("PUT", "/v1/destinations/{destinationId}"):
            keep = ("contactInformation", "services", "encryptionKid", "metadataVersions")
            return {"status": RNG.choice(["created", "active", "inactive"]), **{name: KNOWN["destination"][name] for name in keep}}
        case ("PATCH", _):
            return {"status": RNG.choice(["active", "inactive"]), "callback": {"url": "https://example.org/", "secret": "s" * 32}}
        case ("POST", "/v1/destinations/{destinationId}/keys"):
            return {**KNOWN["destination"]["encryptionPublicKey"], "kid": f"fuzz-{RNG.randrange(20):04}"}
        case ("POST", "/v1/submissions"):
            return {
                "destinationId": spelled(KNOWN["destinations"][0]),
                "announcedAttachments": [spelled(str(uuid.UUID(int=RNG.getrandbits(128), version=4))) for _ in range(RNG.randrange(3))],
                "serviceType": {"name": "", "identifier": KNOWN["service"]},
            }
        case ("PUT", "/v1/submissions/{submissionId}"):
            return {"encryptedMetadata": KNOWN["jwe"], "encryptedData": KNOWN["jwe"]}
        case ("PUT", _):
            return KNOWN["jwe"]
        case ("POST", "/v1/cases/{caseId}/events"):
            return event(submission)
        case _:
            return None


def event(submission):
    """A signed event, right or nearly so."""
    payloads = {
        "accept-submission": {"authenticationTags": submission.get("tags", {})},
        "reject-submission": {"problems": [{"type": EVENTS + "problems/other", "title": "t", "detail": "d", "instance": "data"}]},
        "delete-submission": {},
        "forward-submission": {},
    }
    kind = RNG.choice(list(payloads))
    claims = {
        "$schema": "https://schema.fitko.de/fit-connect/set-payload/1.2.2/set-payload.schema.json",
        "jti": str(uuid.uuid4()),
        "iss": KNOWN["destinations"][0],
        "iat": KNOWN["now"],
        "sub": f"submission:{submission.get('submissionId')}",
        "txn": f"case:{submission.get('caseId')}",
        "events": {EVENTS + kind: payloads[kind]},
    }
    if often(0.5):
        claims[RNG.choice(list(claims))] = RNG.choice([None, "", 7, {}, [], "submission:x", -1, 2**70])
    return Subscriber.signed(claims, KNOWN["signing"])


def mixed(right, generated):
    """The right body with one generated member."""
    if isinstance(right, dict) and isinstance(generated, dict) and generated and often(0.6):
        name = RNG.choice(list(generated))
        right[name] = generated[name]
    return right


@schemathesis.hook
def before_call(_, case, _kwargs):
    submission = lead(case) if often(0.7) else one("submissions", {})
    spare(case)
    if case.body is not schemathesis.core.NOT_SET and case.method.upper() != "GET" and often(0.6):
        right = right_body(case, submission)
        if right is not None:
            case.body = mixed(right, case.body)
            if case.media_type is None:
                case.media_type = "application/jose" if isinstance(right, str) else "application/json"
    if case.body is not schemathesis.core.NOT_SET and often(0.03):
        case.headers = {**(case.headers or {}), "Content-Type": RNG.choice(["text/plain", "application/xml", "application/json; charset=utf-8", "x"])}
    if isinstance(case.body, dict) and often(0.005):
        case.body["tooLarge"] = TOO_LARGE


@schemathesis.hook
def after_call(_, case, response):
    if response.status_code == 201 and case.method.upper() == "POST":
        made = response.json()
        if case.path == "/v1/destinations" and len(KNOWN["scratch"]) < POOL_MAX:
            KNOWN["scratch"].append(made["destinationId"])
        if case.path == "/v1/submissions" and len(KNOWN["submissions"]) < POOL_MAX:
            KNOWN["submissions"].append({**made, "attachments": case.body["announcedAttachments"]})
