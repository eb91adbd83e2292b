"""One mail to an SMTP server: encrypted, tried again where that is right, and honest about what is not known."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import msgspec

from callaudit.flows.settings import MailSettings
from callaudit.transcription.errors import SetupError

WAITS = (5.0, 30.0, 120.0)
"""Seconds between one try and the next."""

_TIMEOUT = 60.0
_END_OF_MAIL = re.compile(rb"^\.", re.MULTILINE)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mail to one recipient.

    "taken": the server has it. "refused": it never will (5xx). "postponed": not now (4xx, no connection).
    "unknown": the connection broke after the mail's last byte; the server may or may not have it.
    """

    state: Literal["taken", "refused", "postponed", "unknown"]
    reply: str


def greet(server: MailSettings, password: str, *, timeout: float = 10.0) -> str:
    """Connect, encrypt and log in as for a mail, and leave; "" where that works, else why it does not just now.

    Raises SetupError as `deliver` does.
    """
    try:
        session = _session(server, password, timeout=timeout)
    except _Postponed as fault:
        return str(fault)
    with suppress(smtplib.SMTPException, OSError):
        session.quit()
    return ""


class _Postponed(Exception):
    """The whole session failed for now."""


def deliver(
    mail: bytes,
    *,
    server: MailSettings,
    password: str,
    sender: str,
    recipients: Sequence[str],
    waits: Sequence[float] = WAITS,
    done: Callable[[str, Delivery], None] = lambda recipient, delivery: None,
) -> dict[str, Delivery]:
    """Hand a mail to the server for each recipient; what can be tried again is, once after each of `waits`.

    `done` hears of a recipient as soon as the outcome is final. Raises SetupError where no try can help: a wrong host,
    certificate or password, no encryption, a mail that is too large.
    """
    outcome: dict[str, Delivery] = {}
    pending = list(recipients)
    for wait in (*waits, None):
        outcome |= _attempt(mail, server=server, password=password, sender=sender, recipients=pending)
        for one in pending:
            if outcome[one].state != "postponed" or wait is None:
                done(one, outcome[one])
        pending = [one for one in pending if outcome[one].state == "postponed"]
        if not pending or wait is None:
            break
        try:
            time.sleep(wait)
        except KeyboardInterrupt:
            for one in pending:
                done(one, outcome[one])
            raise
    return outcome


def _attempt(
    mail: bytes, *, server: MailSettings, password: str, sender: str, recipients: Sequence[str]
) -> dict[str, Delivery]:
    try:
        with _session(server, password) as session:
            _check_size(mail, session)
            return _transaction(mail, session, sender, recipients)
    except _Postponed as fault:
        return dict.fromkeys(recipients, Delivery(state="postponed", reply=str(fault)))


def _session(server: MailSettings, password: str, *, timeout: float = _TIMEOUT) -> smtplib.SMTP:
    """Connected, encrypted and logged in."""
    if server.user and not password:
        raise SetupError(
            f"the mail server's password for {server.user} is not given",
            tries=("set CALLAUDIT_MAIL__PASSWORD in the environment", "or [mail] password_file"),
        )
    if server.user and server.security == "none":
        raise SetupError(
            "a mail password would travel unencrypted",
            why='[mail] has a user and security = "none".',
            tries=('security = "starttls"',),
        )
    where = f"{server.host}:{server.port}"
    session: smtplib.SMTP | None = None
    try:
        context = _context(server)
        if server.security == "tls":
            session = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=context)
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=timeout)
        if server.security == "starttls":
            session.starttls(context=context)
        session.ehlo_or_helo_if_needed()
        if server.user:
            session.login(server.user, password)
    except (smtplib.SMTPException, OSError) as error:
        if session is not None:
            session.close()
        raise _session_error(error, where, server) from error
    return session


def _context(server: MailSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.ca_file is not None:
        try:
            context.load_verify_locations(server.ca_file)
        except OSError as error:
            raise SetupError(f"no certificates can be read from {server.ca_file}", why=f"{error}.") from error
    return context


def _session_error(error: Exception, where: str, server: MailSettings) -> Exception:
    """What a failed connection means: an error that only a person can mend, or one that passes."""
    if isinstance(error, ssl.SSLError):
        return _encryption_error(error, where)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SetupError(
            f"{where} does not offer what is asked of it", why=str(error), tries=("check [mail] security",)
        )
    if isinstance(error, smtplib.SMTPResponseException):
        told = _told(error.smtp_code, error.smtp_error)
        return _refusal(error, told, where, server) if error.smtp_code >= 500 else _Postponed(told)
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        why = f"{error.strerror}."
        return SetupError(f"there is no mail server {server.host}", why=why, tries=("check [mail] host",))
    return _Postponed(_reason(error))


def _encryption_error(error: ssl.SSLError, where: str) -> SetupError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return SetupError(
            f"the certificate of {where} is not trusted",
            why=f"{error.verify_message}.",
            tries=("check [mail] host", "set [mail] ca_file to your company's certificates"),
        )
    return SetupError(
        f"{where} does not speak TLS as set",
        why=f"{error.reason or error}.",
        tries=('security = "starttls" with port 587', 'security = "tls" with port 465'),
    )


def _refusal(error: smtplib.SMTPResponseException, told: str, where: str, server: MailSettings) -> SetupError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # The server's own words are left out: some repeat what they were sent.
        return SetupError(
            f"{where} does not accept the user {server.user} with this password",
            why=f"It answered {error.smtp_code}.",
            tries=("check [mail] user and CALLAUDIT_MAIL__PASSWORD",),
        )
    return SetupError(f"{where} turns this sender away", why=f"It answered {told}.")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _check_size(mail: bytes, session: smtplib.SMTP) -> None:
    limit = session.esmtp_features.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(mail):
        raise SetupError(
            f"the mail has {len(mail) / 1e6:.1f} MB, and the server takes {int(limit) / 1e6:.1f} MB",
            tries=('attach less: [mail] attach = ["html"]', "attach = []  and set [report] url"),
        )


def _transaction(mail: bytes, session: smtplib.SMTP, sender: str, recipients: Sequence[str]) -> dict[str, Delivery]:
    """MAIL, RCPT for each, DATA. Written out because only the step that broke tells whether a mail may have left."""
    outcome: dict[str, Delivery] = {}
    try:
        code, said = session.mail(sender)
        if code >= 500:
            raise SetupError(f"the server does not let {sender} send", why=f"It answered {_told(code, said)}.")
        if code >= 400:
            raise _Postponed(_told(code, said))
        for one in recipients:
            code, said = session.rcpt(one)
            if code >= 400:
                outcome[one] = Delivery(state="refused" if code >= 500 else "postponed", reply=_told(code, said))
        accepted = [one for one in recipients if one not in outcome]
        if not accepted:
            return outcome
        code, said = session.docmd("DATA")
        if code != 354:
            state: Literal["refused", "postponed"] = "refused" if code >= 500 else "postponed"
            return outcome | dict.fromkeys(accepted, Delivery(state=state, reply=_told(code, said)))
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        raise _Postponed(_reason(error)) from error
    return outcome | dict.fromkeys(accepted, _hand_over(mail, session))


def _hand_over(mail: bytes, session: smtplib.SMTP) -> Delivery:
    try:
        session.send(_END_OF_MAIL.sub(b"..", mail).removesuffix(b"\r\n") + b"\r\n.\r\n")
        code, said = session.getreply()
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        return Delivery(state="unknown", reply=_reason(error))
    if code >= 500:
        return Delivery(state="refused", reply=_told(code, said))
    if code >= 400:
        return Delivery(state="postponed", reply=_told(code, said))
    with suppress(smtplib.SMTPException, OSError):
        session.quit()
    return Delivery(state="taken", reply=_told(code, said))


def _told(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"
