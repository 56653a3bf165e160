"""A mail server (aiosmtpd) on a port of its own choice: prints `port N`, then each envelope and letter as one JSON line."""
import asyncio, json, ssl, sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, cert, key = sys.argv[1:4]


class Print:
    async def handle_DATA(self, server, session, envelope):
        letter = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "tls": session.ssl is not None,
            "login": session.auth_data if isinstance(session.auth_data, str) else None,
            "letter": envelope.content.decode("utf-8"),
        }
        print(json.dumps(letter), flush=True)
        return "250 taken"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 <" + address + "> is unknown here"
        if address.startswith("full@"):
            return "452 4.2.2 <" + address + "> has no room"
        envelope.rcpt_tos.append(address)
        return "250 known"


def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"amtsbote", b"correct horse")
    # Not handled: the server itself answers 535 (true is the default, and then it stays silent).
    return AuthResult(success=good, handled=good, auth_data=data.login.decode() if good else None)


async def main():
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

    def protocol():
        options = {"hostname": "mail.example", "enable_SMTPUTF8": False}
        if mode == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if mode != "plain":
            options |= {"authenticator": login, "auth_required": True, "auth_require_tls": mode == "starttls"}
        return SMTP(Print(), **options)

    loop = asyncio.get_running_loop()
    wrapped = context if mode == "tls" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=wrapped)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
