"""The weekly mail against a real SMTP server in this process, encryption, faults and all."""

import asyncio
import email
import email.policy
import socket
import sqlite3
import ssl
import stat
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from callaudit.flows.mailing.sent_log import open_mailed
from callaudit.flows.mailing.smtp import deliver
from callaudit.flows.mailing.weekly_mail import send_weekly, write_draft
from callaudit.flows.settings import MailSettings, Settings, load_settings, mail_password
from callaudit.transcription.errors import CallauditError, InputError, SetupError
from tests.support.centre import fill_warehouse, random_calls

pytest.importorskip("resvg_py", reason="the extra `mail` is not installed")

WEEK = "2026-W10"
AT_ONCE = (0.0, 0.0)


class Post:
    """Keeps what it takes. `faults` are answered first, one for each command of that name; "drop" hangs up."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.faults: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.encrypted: list[bool] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd calls it so.
        if self.faults["MAIL"]:
            return self.faults["MAIL"].pop(0)
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd calls it so.
        if address.startswith("gone@"):
            return "550 no such box"
        if address.startswith("busy@") and self.faults["RCPT"]:
            return self.faults["RCPT"].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd calls it so.
        fault = self.faults["DATA"].pop(0) if self.faults["DATA"] else ""
        if fault and fault != "drop":
            return fault
        self.mails.append((envelope.rcpt_tos, envelope.original_content))
        self.encrypted.append(session.ssl is not None)
        if fault == "drop":
            server.transport.abort()
            await asyncio.sleep(0.2)
        return "250 taken"


@pytest.fixture
def post():
    return Post()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture
def server(post):
    controller = Controller(post, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield MailSettings(
        host="127.0.0.1", port=controller.port, security="none",
        sender="Audit <audit@example.com>", to=("q@example.com",),
    )  # fmt: skip
    controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate that only says of itself that it is right, for 127.0.0.1."""
    x509 = pytest.importorskip("cryptography.x509", reason="no library here to make a certificate")
    from ipaddress import ip_address

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture
def encrypted_server(post, certificate):
    """STARTTLS is required before anything else, then a login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def authenticator(server, session, envelope, mechanism, given):
        right = isinstance(given, LoginPassword) and given.password == b"s3cret"
        return AuthResult(success=right, handled=False)

    controller = Controller(
        post, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True, auth_required=True,
        authenticator=authenticator,
    )  # fmt: skip
    controller.start()
    yield MailSettings(
        host="127.0.0.1", port=controller.port, security="starttls", user="audit",
        ca_file=certificate / "cert.pem", sender="audit@example.com", to=("q@example.com",),
    )  # fmt: skip
    controller.stop()


def hand_over(server, *recipients, password="", waits=AT_ONCE):
    return deliver(
        b"Subject: x\r\n\r\n.hello\r\n", server=server, password=password, sender="audit@example.com",
        recipients=recipients or ("q@example.com",), waits=waits,
    )  # fmt: skip


def test_a_mail_arrives_byte_for_byte_with_its_leading_dot(server, post):
    outcome = hand_over(server)

    assert outcome["q@example.com"].state == "taken"
    assert post.mails == [(["q@example.com"], b"Subject: x\r\n\r\n.hello\r\n")]


def test_over_starttls_with_a_trusted_certificate_and_a_login(encrypted_server, post):
    hand_over(encrypted_server, password="s3cret")

    assert post.encrypted == [True]


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(encrypted_server, post):
    with pytest.raises(SetupError, match="certificate") as caught:
        hand_over(msgspec.structs.replace(encrypted_server, ca_file=None), password="s3cret")

    assert not post.mails
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_not_tried_again_and_not_shown(encrypted_server, post):
    with pytest.raises(SetupError, match="password") as caught:
        hand_over(encrypted_server, password="wr0ng-word", waits=(0.0,))

    assert "wr0ng-word" not in str(caught.value)


def test_nothing_is_sent_to_a_server_that_offers_no_encryption(server, post):
    with pytest.raises(SetupError, match="offer"):
        hand_over(msgspec.structs.replace(server, security="starttls"), waits=(0.0,))

    assert not post.mails


def test_a_password_never_travels_unencrypted(server, post):
    with pytest.raises(SetupError, match="unencrypted"):
        hand_over(msgspec.structs.replace(server, user="audit"), password="s3cret")


@pytest.mark.parametrize("command", ["MAIL", "DATA"])
def test_what_fails_for_now_is_tried_again_and_arrives_once(server, post, command):
    post.faults[command] = ["451 later, please"]

    assert hand_over(server)["q@example.com"].state == "taken"
    assert len(post.mails) == 1


def test_a_grey_listed_recipient_is_tried_again_and_the_other_gets_it_once(server, post):
    post.faults["RCPT"] = ["450 grey listed"]

    outcome = hand_over(server, "q@example.com", "busy@example.com")

    assert {box: d.state for box, d in outcome.items()} == {"q@example.com": "taken", "busy@example.com": "taken"}
    assert [to for to, _ in post.mails] == [["q@example.com"], ["busy@example.com"]]


def test_what_fails_for_good_is_not_tried_again(server, post):
    post.faults["DATA"] = ["554 spam"]

    assert hand_over(server, waits=(0.0,))["q@example.com"].state == "refused"


def test_a_server_that_is_not_there_is_tried_again_and_then_said(post):
    nowhere = MailSettings(host="127.0.0.1", port=9, security="none")

    assert hand_over(nowhere)["q@example.com"].state == "postponed"


def test_a_connection_that_breaks_after_the_last_byte_is_not_guessed_about(server, post):
    post.faults["DATA"] = ["drop"]

    assert hand_over(server)["q@example.com"].state == "unknown"
    assert len(post.mails) == 1


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home with a published copy of two weeks of calls."""
    folder = tmp_path_factory.mktemp("installation")
    home = folder / "callaudit-home"
    home.mkdir()
    fill_warehouse(home, random_calls(2, 12)).close()
    return folder


@pytest.fixture
def settings(home, server, tmp_path):
    (tmp_path / "callaudit-home").mkdir()
    (tmp_path / "callaudit-home" / "published").symlink_to(home / "callaudit-home" / "published")
    return Settings(root=tmp_path, mail=server)


def post_week(settings, **others):
    return send_weekly(settings, week=WEEK, scorecard="house", waits=AT_ONCE, **others)


def test_the_week_is_mailed_once_however_often_it_is_asked_for(settings, post):
    first, second = post_week(settings), post_week(settings)

    assert first.sent == ("q@example.com",)
    assert (second.sent, second.already, second.changed) == ((), ("q@example.com",), False)
    assert len(post.mails) == 1
    got = email.message_from_bytes(post.mails[0][1], policy=email.policy.default)
    assert {part.get_filename() for part in got.iter_attachments()} == {
        "weekly-2026-W10-house.html",
        "weekly-2026-W10-house.xlsx",
    }


def test_asked_for_again_on_purpose_it_is_sent_again_under_another_id(settings, post):
    post_week(settings)
    post_week(settings, again=True)

    ids = {email.message_from_bytes(mail)["message-id"] for _, mail in post.mails}
    assert len(ids) == 2


def test_a_new_recipient_gets_it_and_the_others_do_not_get_it_again(settings, post):
    post_week(settings)
    posted = post_week(settings, to=("Q@Example.com", "new@example.com"))

    assert (posted.sent, posted.already) == (("new@example.com",), ("Q@Example.com",))
    assert [to for to, _ in post.mails] == [["q@example.com"], ["new@example.com"]]


def test_a_box_that_is_gone_keeps_nobody_else_from_the_mail_and_is_named(settings, post):
    with pytest.raises(SetupError, match=r"gone@example\.com") as caught:
        post_week(settings, to=("gone@example.com", "q@example.com"))

    assert "q@example.com" in caught.value.why
    assert [to for to, _ in post.mails] == [["q@example.com"]]


def test_what_could_not_be_sent_may_be_tried_later(settings, post):
    post.faults["MAIL"] = ["451 later"] * 3
    with pytest.raises(CallauditError, match="could not be handed"):
        post_week(settings)

    assert post_week(settings).sent == ("q@example.com",)
    assert len(post.mails) == 1


def test_a_run_killed_between_sending_and_writing_it_down_is_not_repeated_unasked(settings, post, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(self, recipient, reply):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("callaudit.flows.mailing.sent_log.Mailed.sent", killed)
        with pytest.raises(Killed):
            post_week(settings)
    assert len(post.mails) == 1

    with pytest.raises(CallauditError, match="not known") as caught:
        post_week(settings)
    assert len(post.mails) == 1
    assert any("--again" in step for step in caught.value.tries)
    assert post_week(settings, again=True).sent == ("q@example.com",)


def test_a_mail_whose_end_is_not_known_is_not_repeated_unasked(settings, post):
    post.faults["DATA"] = ["drop"]
    with pytest.raises(CallauditError, match="not known"):
        post_week(settings)
    with pytest.raises(CallauditError, match="not known"):
        post_week(settings)

    assert len(post.mails) == 1


def test_a_report_that_changed_since_is_not_sent_again_but_said(settings, post):
    post_week(settings)
    other = msgspec.structs.replace(settings, report=msgspec.structs.replace(settings.report, url="https://q.example"))

    assert post_week(other).changed
    assert len(post.mails) == 1


def test_two_runs_at_the_same_time_share_one_record(tmp_path):
    with (
        open_mailed(tmp_path / "mailed.sqlite", week=WEEK, scorecard="house") as one,
        open_mailed(tmp_path / "mailed.sqlite", week=WEEK, scorecard="house") as other,
    ):
        assert one.claim("q@example.com", "d")
        assert not other.claim("q@example.com", "d")


def test_the_record_holds_no_password(settings, encrypted_server, post, monkeypatch):
    monkeypatch.setenv("CALLAUDIT_MAIL__PASSWORD", "s3cret")
    post_week(msgspec.structs.replace(settings, mail=encrypted_server))

    assert len(post.mails) == 1
    kept = [path for path in settings.root.rglob("*") if path.is_file() and "published" not in path.parts]
    assert settings.mailed in kept
    assert not any(b"s3cret" in path.read_bytes() for path in kept)


def test_a_dry_run_writes_the_mail_for_its_owner_only_and_sends_nothing(settings, post):
    draft = write_draft(settings, week=WEEK, scorecard="house", to=("q@example.com",))

    assert draft.name == "weekly-2026-W10-house.eml"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert email.message_from_bytes(draft.read_bytes())["to"] == "q@example.com"
    assert not post.mails
    assert not settings.mailed.exists()


def test_a_recipient_that_is_no_address_stops_it_before_anything_is_sent(settings, post):
    with pytest.raises(InputError, match="no mail address"):
        post_week(settings, to=("q@example.com", "nobody"))

    assert not post.mails


def test_the_password_comes_from_the_environment_or_a_file_and_never_from_the_settings(tmp_path, monkeypatch):
    file = tmp_path / "callaudit.toml"
    file.write_text('[mail]\npassword_file = "word"\n')
    (tmp_path / "word").write_text("from-file\n")
    settings = load_settings(file)

    assert mail_password(settings) == "from-file"
    monkeypatch.setenv("CALLAUDIT_MAIL__PASSWORD", "from-environment")
    assert mail_password(settings) == "from-environment"
    assert "from-environment" not in repr(load_settings(file))
    file.write_text('[mail]\npassword = "x"\n')
    with pytest.raises(SetupError, match=r"not a setting"):
        load_settings(file)


def test_a_record_that_cannot_be_read_stops_the_mail(settings, post):
    settings.mailed.write_bytes(b"this is no database, and long enough to be seen as none" * 50)

    with pytest.raises(SetupError, match="record of sent mails"):
        post_week(settings)
    assert not post.mails


def test_the_record_says_who_when_and_what_the_server_answered(settings, post):
    post_week(settings)

    with sqlite3.connect(settings.mailed) as con:
        rows = con.execute("select week, scorecard, recipient, state, times, reply from mailed").fetchall()
    assert rows == [(WEEK, "house", "q@example.com", "sent", 1, "250 taken")]
