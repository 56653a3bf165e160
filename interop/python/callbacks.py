"""Receivers of callbacks: one for the sender, one for a destination, both with the checks that the documentation asks of receivers."""

import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import queue
import ssl
import sys
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scenario import expect, run
from v2_client import Manager, OwnDestination, Sender, Subscriber, key_pair, replied

CALLBACKS = "https://schema.fitko.de/fit-connect/submission-api/callbacks/"
SECRET = "a-secret-of-at-least-thirty-two-characters-äöü"
WAIT_S = 30


def make_ca(folder):
    """`ca.pem` to be trusted by the sandbox, `server.pem` for the receivers on 127.0.0.1."""
    folder.mkdir(parents=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(name, issuer, key, signer, extension):
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=True)
            .sign(signer, hashes.SHA256())
        )

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    ca = certificate(name("interop CA"), name("interop CA"), ca_key, ca_key, x509.BasicConstraints(True, 0))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = certificate(name("127.0.0.1"), name("interop CA"), server_key, ca_key, address)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(server.public_bytes(pem) + private)


class Receiver:
    """An https server that puts what it is posted into a queue, and answers with the given statuses first."""

    def __init__(self, folder, first_statuses=()):
        self.calls = queue.Queue()
        calls, statuses = self.calls, list(first_statuses)

        class Post(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = statuses.pop(0) if statuses else 200
                calls.put((status, dict((name.lower(), value) for name, value in self.headers.items()), body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Post)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "server.pem")
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def callback(self):
        return {"url": f"https://127.0.0.1:{self.server.server_port}/callback?to=me", "secret": SECRET}

    def next(self, status=200):
        """The next call's body, after the checks of a receiver."""
        answered, headers, body = self.calls.get(timeout=WAIT_S)
        expect(answered, status, "answered")
        timestamp = headers["callback-timestamp"]
        if not abs(time.time() - int(timestamp)) < 300:
            raise AssertionError(f"the timestamp is {timestamp}")
        mac = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha512).hexdigest()
        expect(headers["callback-authentication"], mac, "authentication")
        expect(headers["content-type"].split(";")[0], "application/json", "content type")
        return json.loads(body)


FOLDER = Path()


def the_sender_is_told_what_happens(sandbox):
    for version in ("v1", "v2"):
        receiver = Receiver(FOLDER)
        sender = V1Sender(sandbox) if version == "v1" else Sender(sandbox)
        sent, _ = sender.send({}, callback=receiver.callback)
        subscriber = Subscriber(sandbox, version=version)
        # Listing and fetching may be told, too; accepting must be.
        subscriber.accept(sent["submissionId"])
        seen = 0
        while not seen or not receiver.calls.empty():
            told = receiver.next()
            expect(told["type"], CALLBACKS + "new-events", "type")
            entry = told["submissions"][0]
            expect(entry["submissionId"], sent["submissionId"], "submissionId")
            expect(entry["caseId"], sent["caseId"], "caseId")
            expect(entry["destinationId"], sandbox["destinationId"], "destinationId")
            seen += 1
        receiver.server.shutdown()


class V1Sender(Sender):
    """The same with the bodies of v1."""

    def __init__(self, sandbox):
        super().__init__(sandbox, version="v1")

    def announcement(self, ids, **more):
        body = super().announcement(ids, **more)
        body["serviceType"] = body.pop("publicService")
        return body

    def destination(self):
        return self.ok(200, "GET", f"/destinations/{self.sandbox['destinationId']}").json()


def a_destination_is_told_of_submissions_until_it_answers(sandbox):
    receiver = Receiver(FOLDER, first_statuses=[503])
    _, encryption = key_pair("enc", "RSA-OAEP-256", "wrapKey")
    signing, verifying = key_pair("sig", "PS512", "verify")
    manager = Manager(sandbox)
    body = {
        "name": "Interop callbacks",
        "contactInformation": {"legalName": "Interop", "email": "interop@example.org"},
        "publicServices": [
            {
                "identifier": sandbox["service"],
                "submissionSchemas": [{"schemaUri": sandbox["dataSchemaUri"], "mimeType": "application/json"}],
                "regions": [f"DE{sandbox['region']}"],
            }
        ],
        "encryptionKid": encryption["kid"],
        "encryptionPublicKey": encryption,
        "signingPublicKey": verifying,
        "metadataVersions": ["2.1.0"],
        "callback": receiver.callback,
    }
    made = manager.ok(201, "POST", "/destinations", json=body).json()
    if "secret" in json.dumps(made):
        raise AssertionError("the secret is shown")
    id = made["destinationId"]
    patch = {"Content-Type": "application/merge-patch+json"}
    manager.ok(200, "PATCH", f"/destinations/{id}", data=json.dumps({"status": "active"}), headers=patch)
    own = OwnDestination(sandbox, id, {"signing": signing})
    sent, _ = Sender(own).send({})
    first = receiver.next(status=503)
    told = receiver.next()
    for body in (first, told):
        expect(body["type"], CALLBACKS + "new-submissions", "type")
        expect([entry["submissionId"] for entry in body["submissions"]], [sent["submissionId"]], "submissions")
    subscriber = Subscriber(own)
    deadline = time.monotonic() + WAIT_S
    while "notify-submission" not in str(subscriber.log(sent["caseId"])):
        if time.monotonic() > deadline:
            raise AssertionError("no notify-submission")
        time.sleep(0.2)
    subscriber.accept(sent["submissionId"])
    receiver.server.shutdown()


def the_sender_is_told_of_a_reply(sandbox):
    receiver = Receiver(FOLDER)
    sent, _ = Sender(sandbox).send({}, callback=receiver.callback)
    Subscriber(sandbox).accept(sent["submissionId"])
    reply, _, _ = replied(sandbox, sent)
    told = receiver.next()
    while told["type"] == CALLBACKS + "new-events":
        told = receiver.next()
    expect(told["type"], CALLBACKS + "new-replies", "type")
    expect(told["replies"], [{"replyId": reply["replyId"], "caseId": sent["caseId"]}], "replies")
    receiver.server.shutdown()


SCENARIOS = [the_sender_is_told_what_happens, the_sender_is_told_of_a_reply, a_destination_is_told_of_submissions_until_it_answers]

if __name__ == "__main__":
    if sys.argv[1] == "--make-ca":
        make_ca(Path(sys.argv[2]))
    else:
        FOLDER = Path(sys.argv[1])
        sys.exit(run("callback receivers (v1, v2)", SCENARIOS, sys.argv[2]))
