"""PyPI `fitconnect-client` 0.1.3, a client of API v1 that only sends, and sends no data part."""

import sys
import tempfile
from pathlib import Path

import fitconnect_client.client
from fitconnect_client.environment import Environment
from fitconnect_client.objects import Attachment
from scenario import expect, run
from v2_client import Subscriber


def client(sandbox):
    made = fitconnect_client.client.FitconnectClient(
        Environment.TESTING, sandbox["sender"]["clientId"], sandbox["sender"]["clientSecret"]
    )
    made.oauth_api_url = sandbox["tokenUrl"]
    made.submission_api_url = sandbox["submissionApiUrl"] + "/v1"
    made.obtain_access_token()
    return made


def send(sandbox, attachments, metadata_schema):
    sender = client(sandbox)
    submission = sender.create_submission(sandbox["destinationId"], sandbox["service"], "Hundesteuer", attachments)
    metadata = sender.create_metadata(
        "2026-11-02", "reference-1", sandbox["dataSchemaUri"], metadata_schema, "person@example.org", attachments
    )
    sent = sender.send_submission(submission, metadata)
    expect(sent["submissionId"], submission.submission_id, "submissionId")
    receiver = Subscriber(sandbox, version="v1")
    got = receiver.fetch(submission.submission_id)
    expect("encryptedData" in got, False, "a data part that was never sent")
    expect(receiver.open(got["encryptedMetadata"], as_json=True), metadata, "metadata")
    contents = {part.id: part.path.read_bytes() for part in attachments}
    expect(receiver.attachments(got), contents, "attachments")
    receiver.reject(submission.submission_id, "missing-data")


def with_two_attachments(sandbox):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in [("one.pdf", b"%PDF-1.7 one"), ("two.txt", "zwei: ÄÖÜ".encode())]:
            (Path(folder) / name).write_bytes(content)
        attachments = [Attachment(str(Path(folder) / name)) for name in ("one.pdf", "two.txt")]
        send(sandbox, attachments, "https://schema.fitko.de/fit-connect/metadata/1.0.0/metadata.schema.json")


def without_attachments_and_metadata_version(sandbox):
    send(sandbox, [], None)


SCENARIOS = [with_two_attachments, without_attachments_and_metadata_version]

if __name__ == "__main__":
    sys.exit(run("fitconnect-client 0.1.3 (v1)", SCENARIOS, sys.argv[1]))
