"""PyPI `fitconnect` 0.4.2, a client of API v1: sends, lists, fetches and opens."""

import copy
import hashlib
import os
import sys

import fitconnect
from scenario import example, expect, run
from v2_client import Subscriber

PDF = b"%PDF-1.7\n% a small file\n%%EOF\n"


def client(sandbox, role):
    made = fitconnect.FITConnectClient(
        fitconnect.Environment.TESTING, sandbox[role]["clientId"], sandbox[role]["clientSecret"]
    )
    made.token_url = sandbox["tokenUrl"]
    made.submission_api_url = sandbox["submissionApiUrl"] + "/v1"
    return made


def schema(sandbox):
    return {"schemaUri": sandbox["dataSchemaUri"], "mimeType": "application/json"}


def send(sandbox, data, attachments=()):
    return client(sandbox, "sender").submission(
        sandbox["destinationId"], sandbox["service"], data=data, data_schema=schema(sandbox), attachments=list(attachments)
    )


def opened(sandbox, submission_id):
    receiver = client(sandbox, "subscriber")
    listed = [entry["submissionId"] for entry in receiver.available_submissions()]
    if submission_id not in listed:
        raise AssertionError("the submission is not in the list")
    return receiver.retrieve_submission(submission_id, sandbox.key("decryption"))


def accept(sandbox, submission_id):
    Subscriber(sandbox, version="v1").accept(submission_id)
    remaining = client(sandbox, "subscriber").available_submissions()
    expect([entry for entry in remaining if entry["submissionId"] == submission_id], [], "left in the list")


def without_attachments(sandbox):
    sent = send(sandbox, example())
    got = opened(sandbox, sent["submissionId"])
    expect(got["data_json"], example(), "data")
    expect(got["caseId"], sent["caseId"], "caseId")
    accept(sandbox, sent["submissionId"])


def with_one_attachment(sandbox):
    sent = send(sandbox, example(), [PDF])
    got = opened(sandbox, sent["submissionId"])
    expect(list(got["attachments"].values()), [PDF], "attachments")
    accept(sandbox, sent["submissionId"])


def with_repeated_announced_ids(sandbox):
    # The client announces one id for all its attachments and uploads each of them under it.
    sent = send(sandbox, example(), [PDF, PDF, PDF])
    got = opened(sandbox, sent["submissionId"])
    expect(list(got["attachments"].values()), [PDF], "attachments")
    accept(sandbox, sent["submissionId"])


def with_an_attachment_of_200_kB(sandbox):
    large = os.urandom(200_000)
    sent = send(sandbox, example(), [large])
    got = opened(sandbox, sent["submissionId"])
    expect(list(got["attachments"].values()), [large], "attachments")
    accept(sandbox, sent["submissionId"])


def with_metadata_of_its_own(sandbox):
    data = example("verein")
    metadata = {
        "$schema": "https://schema.fitko.de/fit-connect/metadata/1.0.0/metadata.schema.json",
        "publicServiceType": {"name": "Hundesteuer", "identifier": sandbox["service"]},
        "contentStructure": {"data": {"submissionSchema": schema(sandbox)}, "attachments": []},
    }
    sender = client(sandbox, "sender")
    sent = sender.submission(
        sandbox["destinationId"], sandbox["service"], metadata=copy.deepcopy(metadata), data=data
    )
    got = opened(sandbox, sent["submissionId"])
    expect(got["metadata"]["publicServiceType"], metadata["publicServiceType"], "service in the metadata")
    accept(sandbox, sent["submissionId"])


def step_by_step_with_two_attachments(sandbox):
    # Announced here with ids of their own; everything else is the client's.
    import uuid

    sender = client(sandbox, "sender")
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    announced = sender._authorized_post(
        "/submissions",
        json={
            "destinationId": sandbox["destinationId"],
            "announcedAttachments": ids,
            "serviceType": {"name": "", "identifier": sandbox["service"]},
        },
    )
    expect(announced.status_code, 201, "announce")
    submission_id = announced.json()["submissionId"]
    files = {id: PDF + id.encode() for id in ids}
    for id, content in files.items():
        uploaded = sender.upload_attachment(sandbox["destinationId"], submission_id, id, attachment=content)
        expect(uploaded.status_code, 204, "upload")
    data = example()
    metadata = {
        "contentStructure": {
            "attachments": [
                {
                    "attachmentId": id,
                    "hash": {"type": "sha512", "content": hashlib.sha512(content).hexdigest()},
                    "mimeType": "application/pdf",
                    "purpose": "attachment",
                }
                for id, content in files.items()
            ],
            "data": {
                "hash": {"type": "sha512", "content": hashlib.sha512(sender.convert_to_bytes(data)).hexdigest()},
                "submissionSchema": schema(sandbox),
            },
        }
    }
    sender.submit_submission(sandbox["destinationId"], submission_id, metadata=metadata, data=data)
    got = opened(sandbox, submission_id)
    expect(got["attachments"], files, "attachments")
    accept(sandbox, submission_id)


def reads_the_destination(sandbox):
    answer = client(sandbox, "sender").get_destination(sandbox["destinationId"])
    expect(answer.status_code, 200, "status")
    expect(answer.json()["status"], "active", "state")


def understands_what_went_wrong(sandbox):
    nobody = "00000000-0000-4000-8000-000000000000"
    sender = client(sandbox, "sender")
    for attempt, text in [
        (lambda: sender.create_submission(nobody, sandbox["service"]), "destination does not exist"),
        (lambda: client(sandbox, "subscriber").retrieve_submission(nobody, sandbox.key("decryption")), "Submission not found"),
    ]:
        try:
            attempt()
        except ValueError as fault:
            if text not in str(fault):
                raise AssertionError(f"expected {text!r}, got {fault}") from fault
        else:
            raise AssertionError(f"no error, expected {text!r}")
    sender.client_secret = "wrong"
    try:
        sender.get_destination(nobody)
    except ValueError as fault:
        expect(str(fault), "Missing or invalid client authentication", "error")
    else:
        raise AssertionError("a wrong secret gave a token")


SCENARIOS = [
    reads_the_destination,
    without_attachments,
    with_one_attachment,
    with_repeated_announced_ids,
    with_an_attachment_of_200_kB,
    with_metadata_of_its_own,
    step_by_step_with_two_attachments,
    understands_what_went_wrong,
]

if __name__ == "__main__":
    sys.exit(run("fitconnect 0.4.2 (v1)", SCENARIOS, sys.argv[1]))
