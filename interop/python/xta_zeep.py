"""A client that zeep makes from the WSDL the server serves, against the XTA server of an agent.

    xta_zeep.py WSDL CERTIFICATE KEY CA IDENTIFIER WAITING

WAITING is a message in the box of the account with IDENTIFIER. Prints one PASS or FAIL line for each scenario and ends with 1 if one
failed. What zeep cannot do: it writes no MTOM, so that contents go as base64 inside the message, and are answered so; where a scenario
wants answers in MTOM, its request is wrapped into a multipart of one part on the way. Of an answer in MTOM it takes line ends off the
end of each content, though they are sent. It passes over the policies of the WSDL.
"""

import gzip
import os
import sys
import traceback

import requests
import zeep
from zeep.transports import Transport
from zeep.wsa import WsAddressingPlugin

WSDL, CERTIFICATE, KEY, CA, IDENTIFIER, WAITING = sys.argv[1:7]

class Way(Transport):
    """Keeps the last answer; changes requests on their way."""

    last = None

    def change(self, message, headers):
        return message, headers

    def post(self, address, message, headers):
        self.last = super().post(address, *self.change(message, headers))
        return self.last


def packed(message, headers):
    return gzip.compress(message), {**headers, "Content-Encoding": "gzip"}


def wrapped(message, headers):
    """As MTOM, without any part beside the envelope."""
    kind = headers["Content-Type"].replace('"', "'")
    head = f"--zeep\r\nContent-Type: application/xop+xml; charset=utf-8; type=\"{kind}\"\r\nContent-ID: <root@zeep>\r\n\r\n"
    related = 'multipart/related; type="application/xop+xml"; boundary="zeep"; start="<root@zeep>"; start-info="application/soap+xml"'
    return head.encode() + message + b"\r\n--zeep--\r\n", {**headers, "Content-Type": related}


def made():
    session = requests.Session()
    session.cert, session.verify = (CERTIFICATE, KEY), CA
    session.trust_env = False
    transport = Way(session=session, timeout=60, operation_timeout=60)
    settings = zeep.Settings(strict=True, xml_huge_tree=False)
    return zeep.Client(WSDL, transport=transport, settings=settings, plugins=[WsAddressingPlugin()]), transport


CLIENT, TRANSPORT = made()
MANAGEMENT, SEND, BOX = (CLIENT.bind("XTAService", port) for port in ["ManagementPort", "SendXtaPort", "MsgBoxPort"])


def party(value, name="Amt", category="Bauaufsichtsbehörde"):
    return {"Identifier": {"_value_1": value, "type": "xoev", "name": name, "category": category}}


def author(value=IDENTIFIER):
    return {"Author": party(value)}


def refused(call, name):
    try:
        call()
    except zeep.exceptions.Fault as fault:
        told = [element.tag for element in fault.detail.iter()] if fault.detail is not None else []
        assert any(tag.endswith("}" + name) for tag in told), (fault.message, told)
        return
    raise AssertionError(f"not refused: {name}")


def new_id():
    made = MANAGEMENT.createMessageId(_soapheaders=author())
    made = getattr(made, "_value_1", made)
    assert made.startswith("urn:uuid:"), made
    return made


def fetch():
    return BOX.getMessage(MsgSelector={"MessageID": [{"_value_1": WAITING}]}, _soapheaders=author())


def listed():
    listed = BOX.getStatusList(maxListItems=50, ListForm="MessageMetaData", _soapheaders=author())
    return [data["MsgIdentification"]["MessageID"]["_value_1"] for data in listed["body"]["MessageMetaData"]]


def account():
    MANAGEMENT.checkAccountActive(_soapheaders=author())
    refused(lambda: MANAGEMENT.checkAccountActive(_soapheaders=author("bab:06611000")), "PermissionDeniedException")


def fetched():
    assert WAITING in listed()
    first, again = fetch(), fetch()
    assert first["header"]["MessageMetaData"]["Qualifier"]["MessageType"]["code"] == "baugenehmigung.antrag.0200"
    content = first["body"]["ContentContainer"]
    message = content["Message"]["_value_1"]
    assert message.lstrip().startswith(b"<") and b"baugenehmigung.antrag.0200" in message, message[:100]
    assert message == again["body"]["ContentContainer"]["Message"]["_value_1"]
    assert "soap+xml" in TRANSPORT.last.headers["content-type"], TRANSPORT.last.headers


def in_parts():
    plain = fetch()["body"]["ContentContainer"]
    TRANSPORT.change = wrapped
    try:
        parts = fetch()["body"]["ContentContainer"]
    finally:
        del TRANSPORT.change
    assert TRANSPORT.last.headers["content-type"].startswith("multipart/related"), TRANSPORT.last.headers
    for one, other in zip([plain["Message"], *plain["Attachment"]], [parts["Message"], *parts["Attachment"]], strict=True):
        assert one["filename"] == other["filename"]
        assert one["_value_1"].strip(b"\r\n") == other["_value_1"]
        # The whole content is there.
        assert b"\r\n\r\n" + one["_value_1"] + b"\r\n--" in TRANSPORT.last.content


def closed():
    request = fetch()["header"]["MsgBoxResponse"]["MsgBoxRequestID"]
    for _ in range(2):
        BOX.close(LastMsgReceived=[{"_value_1": WAITING}], MsgBoxRequestID=request, _soapheaders=author())
    assert WAITING not in listed()
    refused(fetch, "InvalidMessageIDException")
    report = MANAGEMENT.getTransportReport(_value_1=WAITING, _soapheaders=author())
    assert report["MessageStatus"]["Status"] == 1, report["MessageStatus"]


def metadata(message_id):
    return {"MessageMetaData": {
        "DeliveryAttributes": {},
        "Originators": {"Author": party(IDENTIFIER)},
        "Destinations": {"Reader": party("bap:06000000", "Portal", "Bauportal")},
        "MsgIdentification": {"MessageID": {"_value_1": message_id}},
        "Qualifier": {
            "Service": "urn:x:antwort",
            "BusinessScenario": {"Defined": {"code": "BAU", "listURI": "urn:de:xta:codeliste:business.scenario", "listVersionID": "3.6"}},
            "MessageType": {"code": "baugenehmigung.bescheid.0205", "payloadSchema": "http://www.xleitstelle.de/xbau/2/6",
                            "listURI": "urn:x", "listVersionID": "1"},
        },
    }}


def answered():
    content = {
        "Message": {"_value_1": b"<antwort>Bescheid \xc3\xa4</antwort>", "contentType": "application/xml", "filename": "antwort.xml"},
        "Attachment": [{"_value_1": os.urandom(200_000), "contentType": "application/pdf", "filename": "bescheid.pdf"}],
    }
    message_id = new_id()
    for _ in range(2):
        SEND.sendMessage(ContentContainer=content, _soapheaders=metadata(message_id))
    report = MANAGEMENT.getTransportReport(_value_1=message_id, _soapheaders=author())
    assert report["MessageMetaData"]["MsgIdentification"]["MessageID"]["_value_1"] == message_id


def compressed():
    TRANSPORT.change = packed
    try:
        MANAGEMENT.checkAccountActive(_soapheaders=author())
        raise AssertionError("a packed request was read")
    except zeep.exceptions.Fault as fault:
        assert "komprimiert" in fault.message, fault.message
    finally:
        del TRANSPORT.change
    TRANSPORT.session.headers["Accept-Encoding"] = "gzip"
    MANAGEMENT.checkAccountActive(_soapheaders=author())
    assert "content-encoding" not in TRANSPORT.last.headers, TRANSPORT.last.headers


def main():
    failed = False
    for name, scenario in [
        ("the account is active, another's is not", account),
        ("a submission is listed and fetched as often as asked", fetched),
        ("contents come in parts as they come inside", in_parts),
        ("close takes it away, its report stays", closed),
        ("an answer is sent once, without MTOM", answered),
        ("packed requests are refused with a word, answers are not packed", compressed),
    ]:
        try:
            scenario()
            print(f"PASS zeep: {name}", flush=True)
        except Exception:
            failed = True
            traceback.print_exc()
            print(f"FAIL zeep: {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
