"""A client of our own that shares no code with the gateway: what is known of the v2 clients in use, done again with requests and jwcrypto.

Also serves the other scenarios as the subscriber for clients that only send (`version="v1"`).
"""

import base64
import datetime
import hashlib
import json
import os
import sys
import time
import uuid

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from jwcrypto import jwe, jwk, jws
from scenario import example, expect, run

SCHEMAS = "https://schema.fitko.de/fit-connect"
EVENTS = SCHEMAS + "/events/"
METADATA = SCHEMAS + "/metadata/2.1.0/metadata.schema.json"
SERVICE_EVENTS = ["create-submission", "submit-submission"]
TIMEOUT_S = 30


def sha512(content):
    return {"type": "sha512", "content": hashlib.sha512(content).hexdigest()}


def tag_of(compact):
    return compact.split(".")[4]


def refused(answer, status, what):
    """The answer must be a problem document with this status."""
    expect(answer.status_code, status, what)
    expect(answer.headers["content-type"].split(";")[0], "application/problem+json", f"{what}: content type")
    for member in ("type", "title", "detail"):
        if not isinstance(answer.json().get(member), str):
            raise AssertionError(f"{what}: the problem has no {member}")
    return answer.json()


class Client:
    """One token per role, used until shortly before it expires."""

    role = ""

    def __init__(self, sandbox, version="v2"):
        self.sandbox = sandbox
        self.version = version
        self.expires = 0.0
        self.session = requests.Session()
        # Else a CA bundle named in the environment would count before the sandbox's own.
        self.session.trust_env = False
        if sandbox["caFile"]:
            self.session.verify = sandbox["caFile"]

    @property
    def api(self):
        return f"{self.sandbox['submissionApiUrl']}/{self.version}"

    def token(self):
        if time.monotonic() > self.expires:
            credentials = self.sandbox[self.role]
            answer = self.session.post(
                self.sandbox["tokenUrl"],
                data={
                    "grant_type": "client_credentials",
                    "client_id": credentials["clientId"],
                    "client_secret": credentials["clientSecret"],
                },
                timeout=TIMEOUT_S,
            )
            expect(answer.status_code, 200, "token")
            expect(answer.json()["token_type"].lower(), "bearer", "token_type")
            self.bearer = answer.json()["access_token"]
            self.expires = time.monotonic() + answer.json()["expires_in"] - 5
        return self.bearer

    def call(self, method, url, **options):
        headers = {"Authorization": f"Bearer {self.token()}", **options.pop("headers", {})}
        return self.session.request(method, url, headers=headers, timeout=TIMEOUT_S, **options)

    def public(self, url):
        return self.session.get(url, timeout=TIMEOUT_S)

    def ok(self, status, method, path, **options):
        answer = self.call(method, self.api + path, **options)
        if answer.status_code != status:
            raise AssertionError(f"{method} {path}: expected {status}, got {answer.status_code}: {answer.text[:500]}")
        return answer

    def log(self, case_id, **params):
        """The verified events of a case."""
        tokens = self.ok(200, "GET", f"/cases/{case_id}/events", params=params).json()["eventLog"]
        return [self.verified(token) for token in tokens]

    def verified(self, token):
        """The claims of an event, after the checks that every reader of a log makes."""
        header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        expect(header["typ"], "secevent+jwt", "typ")
        expect(header["alg"], "PS512", "alg")
        unproved = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        if unproved["iss"].startswith("http"):
            keys = self.public(self.sandbox["jwksUrl"]).json()["keys"]
            key = next(key for key in keys if key["kid"] == header["kid"])
        else:
            key = self.public(f"{self.api}/destinations/{unproved['iss']}/keys/{header['kid']}").json()
        expect(key["alg"], "PS512", "key's alg")
        expect(key["key_ops"], ["verify"], "key_ops")
        signed = jws.JWS()
        signed.allowed_algs = ["PS512"]
        signed.deserialize(token, jwk.JWK(**key))
        claims = json.loads(signed.payload)
        expect(len(claims["events"]), 1, "events in one token")
        for claim in ("$schema", "jti", "iat", "sub", "txn"):
            if claim not in claims:
                raise AssertionError(f"the event has no {claim}")
        return claims


class Sender(Client):
    role = "sender"

    def destination(self):
        return self.public(f"{self.api}/destinations/{self.sandbox['destinationId']}").json()

    def encryption_key(self, destination):
        id, kid = destination["destinationId"], destination["encryptionKid"]
        answer = self.call("GET", f"{self.api}/destinations/{id}/keys/{kid}")
        expect(answer.status_code, 200, "key")
        return answer.json()

    @staticmethod
    def sealed(key, content, cty="application/json"):
        header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": key["kid"], "cty": cty}
        recipient = jwk.JWK(**{name: key[name] for name in ("kty", "n", "e", "kid")})
        made = jwe.JWE(plaintext=content, protected=json.dumps(header), recipient=recipient)
        return made.serialize(compact=True)

    def announcement(self, ids, **more):
        service = {"name": "Hundesteuer", "identifier": self.sandbox["service"]}
        return {
            "destinationId": self.sandbox["destinationId"],
            "announcedAttachments": ids,
            "publicService": service,
            **more,
        }

    def announce(self, ids, **more):
        answer = self.ok(201, "POST", "/submissions", json=self.announcement(ids, **more)).json()
        expect(answer["destinationId"], more.get("destinationId", self.sandbox["destinationId"]), "destinationId")
        return answer

    def upload(self, submission_id, id, compact):
        self.ok(
            204,
            "PUT",
            f"/submissions/{submission_id}/attachments/{id}",
            data=compact,
            headers={"Content-Type": "application/jose"},
        )

    def metadata(self, data, files, mime_type="application/json"):
        return {
            "$schema": METADATA,
            "contentStructure": {
                "data": {
                    "hash": sha512(data),
                    "submissionSchema": {"schemaUri": self.sandbox["dataSchemaUri"], "mimeType": mime_type},
                },
                "attachments": [
                    {
                        "attachmentId": id,
                        "purpose": "attachment",
                        "mimeType": "application/pdf",
                        "filename": f"{id}.pdf",
                        "hash": sha512(content),
                    }
                    for id, content in files.items()
                ],
            },
        }

    def submit(self, submission_id, metadata, data):
        body = {"encryptedMetadata": metadata, "encryptedData": data}
        answer = self.ok(202 if self.version == "v1" else 200, "PUT", f"/submissions/{submission_id}", json=body)
        expect(answer.json()["submissionId"], submission_id, "submissionId")
        return answer.json()

    def send(self, files, **more):
        """Sends an example with these attachments; answers ids and authentication tags."""
        key = self.encryption_key(self.destination())
        data = json.dumps(example(), ensure_ascii=False).encode()
        sent = self.announce(list(files), **more)
        parts = {id: self.sealed(key, content, "application/pdf") for id, content in files.items()}
        for id, compact in parts.items():
            self.upload(sent["submissionId"], id, compact)
        metadata = self.sealed(key, json.dumps(self.metadata(data, files)).encode())
        sealed = self.sealed(key, data)
        submitted = self.submit(sent["submissionId"], metadata, sealed)
        expect(submitted["caseId"], sent["caseId"], "caseId")
        tags = {"metadata": tag_of(metadata), "data": tag_of(sealed)}
        if parts:
            tags["attachments"] = {id: tag_of(compact) for id, compact in parts.items()}
        return sent, tags


class Subscriber(Client):
    role = "subscriber"

    def waiting(self, **params):
        page = {"destinationId": self.sandbox["destinationId"], "offset": 0, "limit": 500, **params}
        answer = self.ok(200, "GET", "/submissions", params=page).json()
        expect(answer["count"], len(answer["submissions"]), "count")
        return [entry["submissionId"] for entry in answer["submissions"]]

    def fetch(self, submission_id):
        return self.ok(200, "GET", f"/submissions/{submission_id}").json()

    def open(self, compact, as_json=False):
        own = self.sandbox.key("decryption")
        made = jwe.JWE()
        made.deserialize(compact, jwk.JWK(**{name: value for name, value in own.items() if name != "key_ops"}))
        return json.loads(made.payload) if as_json else made.payload

    def parts(self, submission):
        path = f"/submissions/{submission['submissionId']}/attachments"
        return {id: self.ok(200, "GET", f"{path}/{id}").text for id in submission["attachments"]}

    def attachments(self, submission):
        return {id: self.open(compact) for id, compact in self.parts(submission).items()}

    def event(self, submission, kind, payload, **more):
        """A signed event of this destination. `$schema` is the one the service uses in its own events."""
        log = self.log(submission["caseId"])
        submit = [claims for claims in log if EVENTS + "submit-submission" in claims["events"]]
        key = self.sandbox.key("signing")
        claims = {
            "$schema": submit[-1]["$schema"],
            "jti": str(uuid.uuid4()),
            "iss": submission["destinationId"],
            "iat": int(time.time()),
            "sub": f"submission:{submission['submissionId']}",
            "txn": f"case:{submission['caseId']}",
            "events": {EVENTS + kind: payload},
            **more,
        }
        return self.signed(claims, key)

    @staticmethod
    def signed(claims, key, **more):
        header = {"typ": "secevent+jwt", "alg": "PS512", "kid": key["kid"], **more}
        made = jws.JWS(json.dumps(claims))
        made.add_signature(jwk.JWK(**{name: value for name, value in key.items() if name != "key_ops"}), None, json.dumps(header))
        return made.serialize(compact=True)

    def post(self, submission, token):
        return self.call(
            "POST",
            f"{self.api}/cases/{submission['caseId']}/events",
            data=token,
            headers={"Content-Type": "application/jose"},
        )

    def tags(self, submission):
        tags = {"metadata": tag_of(submission["encryptedMetadata"])}
        if submission.get("encryptedData"):
            tags["data"] = tag_of(submission["encryptedData"])
        if submission["attachments"]:
            tags["attachments"] = {id: tag_of(compact) for id, compact in self.parts(submission).items()}
        return {"authenticationTags": tags}

    def accept(self, submission_id):
        submission = self.fetch(submission_id)
        answer = self.post(submission, self.event(submission, "accept-submission", self.tags(submission)))
        expect((answer.status_code, answer.text), (204, ""), "accept")

    def reject(self, submission_id, slug):
        submission = self.fetch(submission_id)
        problem = {
            "type": f"{SCHEMAS}/events/problems/{slug}",
            "title": "Problem",
            "detail": "found by a test",
            "instance": "metadata",
        }
        answer = self.post(submission, self.event(submission, "reject-submission", {"problems": [problem]}))
        expect((answer.status_code, answer.text), (204, ""), "reject")
        return problem


class Manager(Subscriber):
    @property
    def api(self):
        return f"{self.sandbox['destinationApiUrl']}/{self.version}"


def kinds(log):
    return [next(iter(claims["events"])).removeprefix(EVENTS) for claims in log]


def pdf(text):
    return f"%PDF-1.7\n% {text}\n%%EOF\n".encode()


def sends_and_is_accepted(sandbox):
    files = {str(uuid.uuid4()): pdf("eins"), str(uuid.uuid4()): os.urandom(300_000)}
    sender, receiver = Sender(sandbox), Subscriber(sandbox)
    sent, tags = sender.send(files, region=f"DE{sandbox['region']}")
    id = sent["submissionId"]
    expect(id in receiver.waiting(), True, "listed")
    got = receiver.fetch(id)
    expect(got["publicService"]["identifier"], sandbox["service"], "publicService")
    expect(got["region"], f"DE{sandbox['region']}", "region")
    expect(sorted(got["attachments"]), sorted(files), "attachments")
    expect(receiver.open(got["encryptedData"], as_json=True), example(), "data")
    expect(receiver.attachments(got), files, "attachments")
    log = receiver.log(sent["caseId"])
    expect(kinds(log)[:2], SERVICE_EVENTS, "events")
    expect(log[1]["events"][EVENTS + "submit-submission"]["authenticationTags"], tags, "tags")
    receiver.accept(id)
    expect(id in receiver.waiting(), False, "still listed")
    # Both sides read the same log.
    for side in (sender, receiver):
        log = side.log(sent["caseId"], limit=100, offset=0)
        expect(kinds(log)[-1], "accept-submission", "last event")
        expect(log[-1]["iss"], sandbox["destinationId"], "issuer")
        expect(log[-1]["sub"], f"submission:{id}", "subject")
    per_submission = sender.ok(200, "GET", f"/submissions/{id}/events", params={"limit": 100, "offset": 0})
    expect(kinds([sender.verified(token) for token in per_submission.json()["eventLog"]]), kinds(log), "events by submission")


def is_rejected_with_a_problem(sandbox):
    sender, receiver = Sender(sandbox), Subscriber(sandbox)
    sent, _ = sender.send({})
    problem = receiver.reject(sent["submissionId"], "schema-violation")
    last = sender.log(sent["caseId"])[-1]
    expect(last["events"], {EVENTS + "reject-submission": {"problems": [problem]}}, "event")
    again = receiver.call("GET", f"{receiver.api}/submissions/{sent['submissionId']}")
    if again.status_code == 200:
        raise AssertionError("a rejected submission can still be fetched")


def a_second_submission_joins_the_case(sandbox):
    sender, receiver = Sender(sandbox), Subscriber(sandbox)
    first, _ = sender.send({})
    receiver.accept(first["submissionId"])
    second, _ = sender.send({}, caseId=first["caseId"])
    expect(second["caseId"], first["caseId"], "caseId")
    receiver.accept(second["submissionId"])
    expect(kinds(sender.log(first["caseId"])).count("accept-submission"), 2, "acceptances")


def reads_the_destination_without_a_token(sandbox):
    for base in (sandbox["submissionApiUrl"], sandbox["destinationApiUrl"]):
        answer = requests.get(
            f"{base}/v2/destinations/{sandbox['destinationId']}", timeout=TIMEOUT_S, verify=sandbox["caFile"] or True
        )
        expect(answer.status_code, 200, base)
        expect(answer.json()["status"], "active", base)
        services = {service["identifier"]: service for service in answer.json()["publicServices"]}
        schemas = [schema["schemaUri"] for schema in services[sandbox["service"]]["submissionSchemas"]]
        expect(sandbox["dataSchemaUri"] in schemas, True, "schema offered")


def finds_the_encryption_key_first_in_the_list(sandbox):
    sender = Sender(sandbox)
    destination = sender.destination()
    keys = sender.public(f"{sandbox['destinationApiUrl']}/v2/destinations/{sandbox['destinationId']}/keys").json()["keys"]
    expect(keys[0]["kid"], destination["encryptionKid"], "keys[0]")
    expect(keys[0]["key_ops"], ["wrapKey"], "key_ops")
    jwk.JWK(**{**keys[0], "use": "enc"})
    single = sender.public(f"{sender.api}/destinations/{sandbox['destinationId']}/keys/{keys[0]['kid']}").json()
    expect(single, keys[0], "key by kid")
    certificate = x509.load_der_x509_certificate(base64.b64decode(single["x5c"][0]))
    modulus = int.from_bytes(base64.urlsafe_b64decode(single["n"] + "=="), "big")
    expect(certificate.public_key().public_numbers().n, modulus, "modulus in the certificate")
    expect(certificate.public_key().key_size, 4096, "bits")
    refused(sender.public(f"{sender.api}/destinations/{sandbox['destinationId']}/keys"), 404, "list at the delivery service")


def routes_to_the_destination(sandbox):
    leika = sandbox["service"].rsplit(":", 1)[1]
    for version in ("v1", "v2"):
        base = f"{sandbox['routingApiUrl']}/{version}"
        answer = requests.get(
            f"{base}/routes", params={"leikaKey": leika, "ars": sandbox["region"]}, timeout=TIMEOUT_S, verify=sandbox["caFile"] or True
        )
        expect(answer.status_code, 200, "routes")
        routes = {route["destinationId"]: route for route in answer.json()["routes"]}
        token = routes[sandbox["destinationId"]]["destinationSignature"]
        keys = requests.get(
            f"{sandbox['portalUrl']}/.well-known/jwks.json", timeout=TIMEOUT_S, verify=sandbox["caFile"] or True
        ).json()["keys"]
        header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        signed = jws.JWS()
        signed.allowed_algs = ["PS512"]
        signed.deserialize(token, jwk.JWK(**next(key for key in keys if key["kid"] == header["kid"])))
        claims = json.loads(signed.payload)
        expect(claims["destinationId"], sandbox["destinationId"], "signed destination")
        expect(claims["submissionHost"], sandbox["submissionApiUrl"].split("//")[1].split("/")[0], "submissionHost")
        services = [id for service in claims["services"] for id in service["leistungIDs"]]
        expect(f"urn:de:fim:leika:leistung:{leika}" in services, True, "signed service")


def repeated_ids_and_strangers_are_refused(sandbox):
    sender, receiver = Sender(sandbox), Subscriber(sandbox)
    id = str(uuid.uuid4())
    url = f"{sender.api}/submissions"
    twice = sender.call("POST", url, json=sender.announcement([id, id]))
    if not 400 <= twice.status_code < 500:
        raise AssertionError(f"repeated ids: {twice.status_code}")
    v1_body = {**sender.announcement([]), "serviceType": {"name": "", "identifier": sandbox["service"]}}
    del v1_body["publicService"]
    refused(sender.call("POST", url, json=v1_body), 400, "a v1 body at v2")
    refused(requests.post(url, json={}, timeout=TIMEOUT_S, verify=sandbox["caFile"] or True), 401, "no token")
    refused(receiver.call("POST", url, json=sender.announcement([])), 403, "a subscriber that sends")
    foreign = sender.announcement([])
    foreign["destinationId"] = str(uuid.uuid4())
    problem = refused(sender.call("POST", url, json=foreign), 404, "unknown destination")
    expect(problem["type"], f"{SCHEMAS}/submission-api/problems/destination-not-found", "type")
    sent = sender.announce([id])
    refused(receiver.call("GET", f"{receiver.api}/submissions/{sent['submissionId']}"), 404, "not submitted yet")
    key = sender.encryption_key(sender.destination())
    body = {
        "encryptedMetadata": sender.sealed(key, b"{}"),
        "encryptedData": sender.sealed(key, b"{}"),
    }
    refused(sender.call("PUT", f"{url}/{sent['submissionId']}", json=body), 422, "an announced attachment is missing")
    body["encryptedMetadata"] = sender.sealed(key, b"{}", "text/plain")
    refused(sender.call("PUT", f"{url}/{sent['submissionId']}", json=body), 422, "cty")


def forged_events_are_refused(sandbox):
    sender, receiver = Sender(sandbox), Subscriber(sandbox)
    sent, _ = sender.send({})
    submission = receiver.fetch(sent["submissionId"])
    tags = receiver.tags(submission)
    good = receiver.event(submission, "accept-submission", tags)

    stranger = jwk.JWK.generate(kty="RSA", size=4096, kid=sandbox.key("signing")["kid"]).export(as_dict=True)
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    own = sandbox.key("signing")

    def not_taken(token, what):
        answer = receiver.post(submission, token)
        if answer.status_code not in (400, 403, 422):
            raise AssertionError(f"{what}: {answer.status_code} {answer.text[:200]}")
        refused(answer, answer.status_code, what)

    not_taken(receiver.signed(claims, stranger), "signed by a stranger")
    not_taken(receiver.signed(claims, own, typ="JWT"), "typ")
    not_taken(receiver.signed({**claims, "iss": str(uuid.uuid4())}, own), "another issuer")
    not_taken(receiver.signed({**claims, "txn": f"case:{uuid.uuid4()}"}, own), "another case")
    not_taken(receiver.signed({**claims, "sub": f"submission:{uuid.uuid4()}"}, own), "another submission")
    not_taken(receiver.event(submission, "submit-submission", tags), "an event of the service")
    wrong = {"authenticationTags": {**tags["authenticationTags"], "data": "AAAAAAAAAAAAAAAAAAAAAA"}}
    not_taken(receiver.event(submission, "accept-submission", wrong), "another tag")
    schema = claims["$schema"].replace("1.2.2", "1.0.0")
    not_taken(receiver.signed({**claims, "$schema": schema}, own), "an old schema")
    not_taken(good[:-4] + "AAAA", "a broken signature")
    expect(receiver.post(submission, good).status_code, 204, "the good one")
    expect(receiver.post(submission, receiver.event(submission, "accept-submission", tags)).status_code, 409, "twice")


def self_signed(private, cn):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(private, hashes.SHA512(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA512()), 64))
    )


def key_pair(use, alg, operation):
    private = rsa.generate_private_key(65537, 4096)
    certificate = self_signed(private, "interop")
    public = jwk.JWK.from_pyca(private.public_key()).export(as_dict=True)
    kid = f"{uuid.uuid4()}-{operation}"
    x5c = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    shown = {"kty": "RSA", "alg": alg, "kid": kid, "n": public["n"], "e": public["e"], "x5c": x5c}
    own = {**jwk.JWK.from_pyca(private).export(as_dict=True), "kid": kid, "alg": alg}
    return own, {**shown, "use": use, "key_ops": [operation]}


class OwnDestination:
    """The sandbox's facts with a destination and keys of our own."""

    def __init__(self, sandbox, destination_id, keys):
        self.sandbox, self.destination_id, self.keys = sandbox, destination_id, keys

    def __getitem__(self, name):
        return self.destination_id if name == "destinationId" else self.sandbox[name]

    def key(self, name):
        return self.keys[name]


def makes_a_destination_and_rotates_its_key(sandbox):
    decryption, encryption = key_pair("enc", "RSA-OAEP-256", "wrapKey")
    signing, verifying = key_pair("sig", "PS512", "verify")
    manager = Manager(sandbox, version="v1")
    schema = {"schemaUri": sandbox["dataSchemaUri"], "mimeType": "application/json"}
    body = {
        "name": "Interop",
        "contactInformation": {"legalName": "Interop", "email": "interop@example.org"},
        "services": [
            {
                "identifier": sandbox["service"],
                "submissionSchemas": [schema],
                "regions": [f"DE{sandbox['region']}"],
            }
        ],
        "encryptionKid": encryption["kid"],
        "encryptionPublicKey": encryption,
        "signingPublicKey": verifying,
        "metadataVersions": ["2.1.0"],
    }
    made = manager.ok(201, "POST", "/destinations", json=body).json()
    id = made["destinationId"]
    patch = {"Content-Type": "application/merge-patch+json"}
    if made["status"] != "active":
        changed = manager.ok(200, "PATCH", f"/destinations/{id}", data=json.dumps({"status": "active"}), headers=patch)
        expect(changed.json()["status"], "active", "state")
    own = OwnDestination(sandbox, id, {"decryption": decryption, "signing": signing})
    sender, receiver = Sender(own), Subscriber(own)
    sent, _ = sender.send({}, destinationId=id)
    got = receiver.fetch(sent["submissionId"])
    expect(receiver.open(got["encryptedData"], as_json=True), example(), "data under the first key")
    receiver.accept(sent["submissionId"])

    second_private, second = key_pair("enc", "RSA-OAEP-256", "wrapKey")
    manager.ok(201, "POST", f"/destinations/{id}/keys", json=second)
    manager.ok(200, "PATCH", f"/destinations/{id}", data=json.dumps({"encryptionKid": second["kid"]}), headers=patch)
    listed = manager.ok(200, "GET", f"/destinations/{id}/keys").json()["keys"]
    expect(listed[0]["kid"], second["kid"], "first key in the list")
    own.keys["decryption"] = second_private
    sent, _ = sender.send({}, destinationId=id)
    got = receiver.fetch(sent["submissionId"])
    expect(receiver.open(got["encryptedData"], as_json=True), example(), "data under the second key")
    receiver.accept(sent["submissionId"])

    manager.ok(200, "PATCH", f"/destinations/{id}", data=json.dumps({"status": "inactive"}), headers=patch)
    answer = sender.call("POST", f"{sender.api}/submissions", json=sender.announcement([]))
    problem = refused(answer, 422, "announcing to an inactive destination")
    expect(problem["type"], f"{SCHEMAS}/submission-api/problems/destination-state-invalid", "type")


def replied(sandbox, sent, version="v2"):
    """The subscriber's reply into the case, sealed for a key that is made here; answers ids, own key and what was sent."""
    own, public = key_pair("enc", "RSA-OAEP-256", "wrapKey")
    subscriber = Subscriber(sandbox, version=version)
    data, id, notice = json.dumps({"bescheid": "erteilt"}).encode(), str(uuid.uuid4()), pdf("Bescheid")
    body = {"caseId": sent["caseId"], "announcedAttachments": [id]}
    reply = subscriber.ok(201, "POST", "/replies", json=body).json()
    expect(reply["caseId"], sent["caseId"], "caseId")
    path = f"/replies/{reply['replyId']}"
    parts = {id: Sender.sealed(public, notice, "application/pdf")}
    subscriber.ok(
        204, "PUT", f"{path}/attachments/{id}", data=parts[id], headers={"Content-Type": "application/jose"}
    )
    metadata = Sender(sandbox).metadata(data, {id: notice})
    sealed = {
        "encryptedMetadata": Sender.sealed(public, json.dumps(metadata).encode()),
        "encryptedData": Sender.sealed(public, data),
    }
    subscriber.ok(202 if version == "v1" else 200, "PUT", path, json=sealed)
    return reply, own, {"data": data, "attachments": {id: notice}}


def opened(compact, own):
    made = jwe.JWE()
    made.deserialize(compact, jwk.JWK(**own))
    return made.payload


def fetches_and_accepts_a_reply(sandbox, sender, reply, own, content):
    path = f"/replies/{reply['replyId']}"
    got = sender.ok(200, "GET", path).json()
    parts = {id: sender.ok(200, "GET", f"{path}/attachments/{id}").text for id in got["attachments"]}
    metadata = json.loads(opened(got["encryptedMetadata"], own))
    data = opened(got["encryptedData"], own)
    expect(data, content["data"], "data")
    expect(metadata["contentStructure"]["data"]["hash"], sha512(data), "hash of the data")
    expect({id: opened(compact, own) for id, compact in parts.items()}, content["attachments"], "attachments")
    tags = {
        "metadata": tag_of(got["encryptedMetadata"]),
        "data": tag_of(got["encryptedData"]),
        "attachments": {id: tag_of(compact) for id, compact in parts.items()},
    }
    log = [claims for claims in sender.log(reply["caseId"]) if claims["sub"] == f"reply:{reply['replyId']}"]
    expect(log[1]["events"][EVENTS + "submit-reply"]["authenticationTags"], tags, "tags")
    wrong = {"authenticationTags": {**tags, "data": "AAAAAAAAAAAAAAAAAAAAAA"}}
    refused(sender.call("PUT", f"{sender.api}{path}/accept", json=wrong), 422, "another tag")
    sender.ok(204, "PUT", f"{path}/accept", json={"authenticationTags": tags})
    sender.ok(204, "PUT", f"{path}/accept", json={"authenticationTags": tags})


def a_reply_comes_back_into_the_case(sandbox):
    for version in ("v1", "v2"):
        sender, subscriber = Sender(sandbox), Subscriber(sandbox, version=version)
        sent, _ = sender.send({})
        sender = Sender(sandbox, version=version)
        subscriber.accept(sent["submissionId"])
        reply, own, content = replied(sandbox, sent, version)
        listed = sender.ok(200, "GET", "/replies", params={"limit": 500}).json()["replies"]
        expect({"replyId": reply["replyId"], "caseId": sent["caseId"]} in listed, True, "listed")
        refused(subscriber.call("GET", f"{sender.api}/replies/{reply['replyId']}"), 403, "its own sender fetches it")
        fetches_and_accepts_a_reply(sandbox, sender, reply, own, content)
        listed = sender.ok(200, "GET", "/replies", params={"limit": 500}).json()["replies"]
        expect(reply["replyId"] in [entry["replyId"] for entry in listed], False, "still listed")
        tokens = subscriber.ok(200, "GET", f"/replies/{reply['replyId']}/events").json()["eventLog"]
        names = [name for name in kinds([sender.verified(token) for token in tokens]) if name != "notify-reply"]
        expect(names, ["create-reply", "submit-reply", "accept-reply"], "events by reply")
        case = sender.ok(200, "GET", f"/cases/{sent['caseId']}").json()
        expect([entry["submissionId"] for entry in case["submissions"]], [sent["submissionId"]], "submissions of the case")
        expect([entry["replyId"] for entry in case["replies"]], [reply["replyId"]], "replies of the case")
        cases = subscriber.ok(200, "GET", "/cases", params={"limit": 500}).json()["cases"]
        expect(sent["caseId"] in [entry["caseId"] for entry in cases], True, "listed case")


SCENARIOS = [
    reads_the_destination_without_a_token,
    finds_the_encryption_key_first_in_the_list,
    routes_to_the_destination,
    sends_and_is_accepted,
    is_rejected_with_a_problem,
    a_second_submission_joins_the_case,
    a_reply_comes_back_into_the_case,
    repeated_ids_and_strangers_are_refused,
    forged_events_are_refused,
    makes_a_destination_and_rotates_its_key,
]

if __name__ == "__main__":
    sys.exit(run("own Python client (v2)", SCENARIOS, sys.argv[1]))
