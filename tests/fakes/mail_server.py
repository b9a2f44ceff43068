"""A real SMTP server (aiosmtpd) that does what a test wants: it keeps the mails that it took, and fails where it is told."""

import contextlib
import email
import email.policy
import pathlib
import ssl
import subprocess

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class _Server(SMTP):
    """aiosmtpd, and a cut connection where the test wants one."""

    async def smtp_DATA(self, arg):
        if self.event_handler.cut == "before":
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self):
        self.mails = []       # (recipients, message), in order
        self.texts = []       # of all mails whose end has come, also of those that were not taken
        self.tls = []         # whether the connection of each was encrypted
        self.refuse = {}      # address: "450 …"; once, if it is a list of one
        self.answer = []      # to the end of DATA, each once: "452 …"
        self.cut = None       # "before" the text, "after" it, "silent" after it

    async def handle_RCPT(self, server, session, envelope, address, options):
        said = self.refuse.get(address)
        if isinstance(said, list):
            said = said.pop() if said else None
        if said:
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.texts.append(envelope.content)
        self.tls.append(session.ssl is not None)
        if self.answer:
            return self.answer.pop(0)
        self.mails.append((list(envelope.rcpt_tos), message))
        if self.cut == "after":
            server.transport.abort()
            return "250 never seen"
        if self.cut == "silent":
            import asyncio
            await asyncio.sleep(30)
        return "250 2.0.0 queued as 4711"


class _Controller(Controller):
    def factory(self):
        return _Server(self.handler, **self.SMTP_kwargs)


def certificate(folder):
    """A certificate of 127.0.0.1 that signs itself: (certificate, key)."""
    folder = pathlib.Path(folder)
    cert, key = folder / "mail.pem", folder / "mail-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


@contextlib.contextmanager
def mail_server(port, tls=None, login=None):
    """`tls`: (certificate, key), offered by STARTTLS and needed; `login`: (user, password)."""
    def check(server, session, envelope, mechanism, data):
        good = login is not None and (data.login, data.password) == tuple(word.encode() for word in login)
        return AuthResult(success=good, handled=False)

    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
    handler = _Handler()
    controller = _Controller(handler, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=bool(tls),
                             auth_required=login is not None, authenticator=check)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop(no_assert=True)
