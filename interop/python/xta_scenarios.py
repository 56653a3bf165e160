"""Independent XTA 2 clients against the XTA server of an agent.

    xta_scenarios.py AMTSBOTE XTA WORK JARS

AMTSBOTE is the program, XTA the command of xta-tool, WORK an empty folder, JARS the folder of a Java web service stack. Sets up a
gateway and an agent whose way out is a message box, sends an application through the intake, and takes it away with the client as a
procedure would; then sends an answer. Then the same with clients that the stack and zeep make from the WSDL which the server serves.
Prints one PASS or FAIL line for each scenario and ends with 1 if one failed. Standard library only.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import traceback
import urllib.parse
import urllib.request

AMTSBOTE, XTA = sys.argv[1], sys.argv[2]
WORK = pathlib.Path(sys.argv[3]).resolve()
JARS = sys.argv[4] + "/*"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURE = ROOT / "fixtures/submissions/wiesbaden-bauantrag.json"
PACKAGE = "bauantrag-xbau-0200"
SOON = 60


def run(*args, **more):
    return subprocess.run([str(arg) for arg in args], check=True, capture_output=True, text=True, **more).stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def certificates(names):
    """An authority and certificates for localhost, by openssl."""
    def openssl(*args):
        run("openssl", *args, cwd=WORK)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Interop", "-keyout", "ca.key", "-out", "ca.pem")
    (WORK / "names.cnf").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in names:
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names.cnf", "-out", f"{name}.pem")


def fingerprint(name):
    der = ssl.PEM_cert_to_DER_cert((WORK / f"{name}.pem").read_text())
    return hashlib.sha256(der).hexdigest()


class House:
    """A municipality with gateway, agent and one procedure that speaks XTA."""

    def __init__(self):
        self.port, self.xta_port = free_port(), free_port()
        self.process = None
        certificates(["server", "procedure", "stranger"])
        run(AMTSBOTE, "keys", "new", "gateway", "--dir", WORK / "keys/gateway")
        run(AMTSBOTE, "keys", "new", "destination", "--dir", WORK / "keys/destination")
        for client in ["portal", "amt"]:
            run(AMTSBOTE, "keys", "new", "client", "--name", client, "--dir", WORK / "clients")

    def write_settings(self, agent):
        (WORK / "amtsbote.toml").write_text(f"""
[gateway]
base_url = "http://127.0.0.1:{self.port}"
listen = "127.0.0.1:{self.port}"
data_dir = "gateway"
keys_dir = "keys/gateway"
schemas_dir = "{ROOT / 'schemas'}"
[[gateway.client]]
id = "portal"
kind = "sender"
secret_file = "clients/portal.secret"
[[gateway.client]]
id = "amt"
kind = "manager"
secret_file = "clients/amt.secret"
{agent}""")

    def agent_settings(self, destination):
        wiesbaden = (ROOT / "deploy/hessen/wiesbaden").glob("*.toml")
        text = next(path.read_text() for path in wiesbaden if "[receiver]" in path.read_text())
        receiver = text[text.index("[receiver]"):text.index("[outbound]")]
        receiver = re.sub(r"^(\[+)receiver", r"\1agent.destination.receiver", receiver, flags=re.M)
        return f"""
[agent]
data_dir = "agent"
schemas_dir = "{ROOT / 'schemas'}"
packages_dir = "{ROOT / 'deploy/hessen/wiesbaden/packages'}"
[agent.xta]
listen = "127.0.0.1:{self.xta_port}"
certificate = "server.pem"
key = "server.key"
client_ca_file = "ca.pem"
[[agent.xta.account]]
name = "bauaufsicht"
path = "{WORK / 'box'}"
certificates_sha256 = ["{fingerprint('procedure')}"]
identifiers = ["bab:06414000"]
services = ["urn:x:antwort"]
[[agent.service]]
name = "own"
token_url = "http://127.0.0.1:{self.port}/token"
submission_api_url = "http://127.0.0.1:{self.port}/submission-api"
version = "v2"
client_id = "amt"
client_secret_file = "clients/amt.secret"
[[agent.destination]]
id = "{destination}"
service = "own"
decryption_keys = ["keys/destination/decryption.jwk"]
signing_key = "keys/destination/signing.jwk"
packages = ["{PACKAGE}"]
{receiver}
[agent.destination.outbound]
transport = "xta-box"
path = "{WORK / 'box'}"
[agent.destination.outbound.cover]
author = {{ id = "bap:06000000", name = "Antragsservice", category = "Bauportal" }}
reader = {{ id = "bab:06414000", name = "Bauaufsicht & Co", category = "Bauaufsichtsbehörde" }}
service = "urn:x:bauantrag"
business_scenario = {{ code = "BAU", list_uri = "urn:de:xta:codeliste:business.scenario", list_version = "3.6" }}
message_type = {{ code = "baugenehmigung.antrag.0200", payload_schema = "http://www.xleitstelle.de/xbau/2/6" }}
"""

    def start(self, part):
        self.log = open(WORK / f"{part}.log", "w")
        self.process = subprocess.Popen([AMTSBOTE, part, "--settings", str(WORK / "amtsbote.toml")],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if "ready:" in line or "bereit:" in line:
                return
        raise AssertionError((WORK / f"{part}.log").read_text())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)

    def call(self, method, path, body, token=None, kind="application/json"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body.encode(), method=method,
                                         headers={"content-type": kind, "user-agent": "interop"})
        if token:
            request.add_header("authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def create_destination(self):
        secret = (WORK / "clients/amt.secret").read_text().strip()
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "amt", "client_secret": secret})
        token = self.call("POST", "/token", form, kind="application/x-www-form-urlencoded")["access_token"]
        key = lambda name: json.loads((WORK / f"keys/destination/{name}").read_text())
        facts = json.loads(FIXTURE.read_text())
        schema = "https://schema.amtsbote.example/bauantrag/1.0.0/schema.json"
        created = self.call("POST", "/destination-api/v2/destinations", json.dumps({
            "name": "Bauaufsicht",
            "contactInformation": {"legalName": "Beispielstadt", "email": "bau@example.org"},
            "publicServices": [{"identifier": facts["service"], "regions": ["DE064140000000"],
                                "submissionSchemas": [{"schemaUri": schema, "mimeType": "application/json"}]}],
            "encryptionKid": key("encryption-public.jwk")["kid"],
            "encryptionPublicKey": key("encryption-public.jwk"),
            "signingPublicKey": key("signature-public.jwk"),
            "metadataVersions": ["2.1.0"],
        }), token)
        self.call("PATCH", f"/destination-api/v2/destinations/{created['destinationId']}", '{"status":"active"}', token,
                  "application/merge-patch+json")
        return created["destinationId"]

    def submit(self, key):
        access = ["--url", f"http://127.0.0.1:{self.port}", "--client-id", "portal",
                  "--client-secret-file", WORK / "clients/portal.secret"]
        sent = json.loads(run(AMTSBOTE, "--json", "submit", FIXTURE, "--idempotency-key", key, *access))["submissionId"]
        end = time.monotonic() + SOON
        while True:
            state = json.loads(run(AMTSBOTE, "--json", "status", sent, *access))["state"]
            if state == "accepted":
                return sent
            assert time.monotonic() < end, f"still {state}: " + (WORK / "serve.log").read_text()
            time.sleep(0.05)


def client(house, name, who, identifier):
    """Settings of the client; gives a function that runs it."""
    config = WORK / f"{name}.toml"
    config.write_text(f"""
base-url = "https://localhost:{house.xta_port}"
cafile = "{WORK / 'ca.pem'}"
certfile = "{WORK / (who + '.pem')}"
keyfile = "{WORK / (who + '.key')}"
[self-identifier]
value = "{identifier}"
category = "Bauaufsichtsbehörde"
""")

    def call(*args):
        return subprocess.run([XTA, "-c", str(config), *map(str, args)], capture_output=True, text=True, cwd=WORK)
    return call


def ok(ended):
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def refused(ended, word):
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0 and word in said, said
    return said


def scenarios(house):
    parcel = house.submit("interop-first")
    message = f"urn:uuid:{parcel}"
    xta = client(house, "procedure", "procedure", "bab:06414000")

    def listed():
        for call in [xta, client(house, "wildcard", "procedure", "*")]:
            assert message in ok(call("ls")), "the message is not listed"

    def fetched():
        for attempt in ["first", "again"]:
            target = WORK / f"got-{attempt}"
            target.mkdir()
            ok(xta("get", message, target))
            files = sorted(path.name for path in target.iterdir())
            xml = [path for path in target.iterdir() if path.suffix == ".xml"]
            assert len(xml) == 1, files
            text = xml[0].read_text()
            assert "baugenehmigung.antrag.0200" in text and text.rstrip().endswith(">"), text[:200]
            sheet = (target / "xta-message.yaml").read_text()
            for expected in ["Bauaufsicht & Co", "bab:06414000", "urn:x:bauantrag", "baugenehmigung.antrag.0200", message]:
                assert expected in sheet, f"{expected} not in {sheet}"
            for attachment in json.loads(FIXTURE.read_text()).get("attachments", []):
                import base64
                content = base64.b64decode(attachment["content"])
                assert any(path.read_bytes() == content for path in target.iterdir()), f"an attachment is not among {files}"

    def fetched_into_one_file():
        ok(xta("get", message, WORK / "one.yaml"))
        assert "base64:" in (WORK / "one.yaml").read_text()

    def inspected(status):
        report = ok(xta("inspect", message))
        assert message in report and re.search(rf"status\W+{status}\b", report), report

    def closed():
        ok(xta("close", message))
        ok(xta("close", message))
        assert message not in ok(xta("ls"))
        refused(xta("get", message, WORK / "gone"), "InvalidMessageID")
        left = list((WORK / "box/box").iterdir())
        assert not left, left

    def answered():
        (WORK / "antwort.xml").write_text("<antwort>Bescheid ä</antwort>\n")
        (WORK / "bescheid.bin").write_bytes(os.urandom(300_000))
        (WORK / "leer.txt").write_bytes(b"")
        (WORK / "antwort.yaml").write_text("""
metadata:
  service: "urn:x:antwort"
  businessScenario: {code: "BAU", listUri: "urn:de:xta:codeliste:business.scenario", listVersionId: "3.6"}
  messageType: {code: "baugenehmigung.bescheid.0205"}
  messageTypePayloadSchema: "http://www.xleitstelle.de/xbau/2/6"
  author: {category: "Bauaufsichtsbehörde", value: "bab:06414000"}
  reader: {category: "Bauportal", value: "bap:06000000"}
message: {fileName: "antwort.xml", content: "./antwort.xml", contentType: "application/xml"}
attachments:
  - {fileName: "bescheid.pdf", content: "./bescheid.bin", contentType: "application/pdf"}
  - {fileName: "leer.txt", content: "./leer.txt", contentType: "text/plain"}
""")
        new = re.search(r"urn:uuid:\S+", ok(xta("new"))).group(0)
        for _ in range(2):
            ok(xta("send", new, "antwort.yaml"))
        sent = ok(xta("inspect", new))
        assert new in sent, sent
        ok(xta("send", "new", "antwort.yaml"))
        messages = list((WORK / "box/inbox").iterdir())
        assert len(messages) == 2, "one answer was sent twice under one id, one under another"
        for folder in messages:
            expected = [WORK / name for name in ["antwort.xml", "bescheid.bin", "leer.txt"]]
            for at, path in enumerate(expected):
                assert (folder / f"{at:04}").read_bytes() == path.read_bytes(), f"{path.name} is not the same"

    def kept_out():
        refused(client(house, "stranger", "stranger", "bab:06414000")("ls"), "PermissionDenied")
        refused(client(house, "other", "procedure", "bab:06611000")("ls"), "PermissionDenied")
        refused(xta("get", "urn:uuid:unknown", WORK / "nothing"), "InvalidMessageID")
        refused(xta("inspect", "urn:uuid:unknown"), "InvalidMessageID")

    return [
        ("a submission waits in the message box", listed),
        ("it is fetched as often as asked, with its attachments", fetched),
        ("it is fetched into one file", fetched_into_one_file),
        ("its transport report is open before close", lambda: inspected(0)),
        ("close takes it away", closed),
        ("its transport report stays after close", lambda: inspected(1)),
        ("an answer is sent once, with attachments", answered),
        ("strangers and foreign identifiers are kept out", kept_out),
    ]


def wsdl(house):
    """The WSDL as the server serves it to the procedure."""
    tls = ssl.create_default_context(cafile=WORK / "ca.pem")
    tls.load_cert_chain(WORK / "procedure.pem", WORK / "procedure.key")
    url = f"https://localhost:{house.xta_port}/services/XTAService/ManagementPort?wsdl"
    with urllib.request.urlopen(url, context=tls, timeout=30) as answer:
        text = answer.read().decode()
    assert f'location="https://localhost:{house.xta_port}/services/XTAService/MsgBoxPort"' in text, text[-2000:]
    (WORK / "xta.wsdl").write_text(text)
    return WORK / "xta.wsdl"


def generated(house):
    """A client made from it; prints its own lines, tells whether all passed."""
    code = WORK / "java"
    run("java", "-cp", JARS, "org.apache.cxf.tools.wsdlto.WSDLToJava", "-exsh", "true", "-noAddressBinding",
        "-d", code, wsdl(house))
    # The stack has the types of addressing itself.
    shutil.rmtree(code / "org")
    sources = [*code.rglob("*.java"), *(ROOT / "interop/xta-java/src").rglob("*.java")]
    run("javac", "--release", "17", "-nowarn", "-d", WORK / "classes", "-cp", JARS, *sources)
    run("openssl", "pkcs12", "-export", "-in", "procedure.pem", "-inkey", "procedure.key", "-passout", "pass:interop",
        "-out", "procedure.p12", cwd=WORK)
    run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", "ca.pem", "-storetype", "PKCS12",
        "-storepass", "interop", "-keystore", "trust.p12", cwd=WORK)
    waiting = "urn:uuid:" + house.submit("interop-second")
    ended = subprocess.run(
        ["java", "-cp", f"{WORK / 'classes'}:{JARS}", "interop.XtaScenarios", f"https://localhost:{house.xta_port}",
         str(WORK / "xta.wsdl"), str(WORK / "procedure.p12"), str(WORK / "trust.p12"), "bab:06414000", waiting,
         "baugenehmigung.antrag.0200"], stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.stderr.write(ended.stderr)
    return ended.returncode == 0


def of_zeep(house):
    """The same with zeep, in a process of its own."""
    waiting = "urn:uuid:" + house.submit("interop-third")
    files = [WORK / name for name in ["xta.wsdl", "procedure.pem", "procedure.key", "ca.pem"]]
    script = pathlib.Path(__file__).with_name("xta_zeep.py")
    return subprocess.run([sys.executable, script, *files, "bab:06414000", waiting]).returncode == 0


def main():
    house = House()
    failed = False
    try:
        house.write_settings("")
        house.start("gateway")
        destination = house.create_destination()
        house.stop()
        house.write_settings(house.agent_settings(destination))
        run(AMTSBOTE, "settings", "check", "--settings", WORK / "amtsbote.toml")
        house.start("serve")
        for name, scenario in scenarios(house):
            try:
                scenario()
                print(f"PASS xta-tool: {name}", flush=True)
            except Exception:
                failed = True
                traceback.print_exc()
                print(f"FAIL xta-tool: {name}", flush=True)
        failed = not generated(house) or failed
        failed = not of_zeep(house) or failed
    finally:
        house.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
