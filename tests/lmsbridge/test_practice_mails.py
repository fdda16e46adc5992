"""The practice LMS's mail server and the page of what came."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from lmsbridge.practice import smtp
from lmsbridge.practice.smtp import MailServer
from tests.lms import PracticeLMS, ask


@pytest.fixture
def mails(practice_lms: PracticeLMS) -> Iterator[MailServer]:
    """A mail server whose mails the practice LMS shows."""
    server = MailServer("127.0.0.1", 0, practice_lms.server.inbox)
    server.start()
    yield server
    server.stop()


def send(server: MailServer, subject: str = "It broke", text: str = "The LMS is away.", **headers: str) -> None:
    """One mail, as any mail program would send it."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "a@example.com", "b@example.com"
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
        client.send_message(message)


def page(lms: PracticeLMS, path: str = "/mails") -> str:
    answer = ask(f"{lms.address}{path}")
    assert answer.status == 200
    return answer.text


def test_mail__is_shown_with_whom_it_went_to(practice_lms: PracticeLMS, mails: MailServer) -> None:
    send(mails, "Zażółć", "Gęślą\n.\n..jaźń")
    shown = page(practice_lms)
    assert "<h2>Zażółć</h2>" in shown
    assert "to b@example.com, from a@example.com" in shown
    assert "Gęślą\n.\n..jaźń" in shown


def test_mails__newest_first(practice_lms: PracticeLMS, mails: MailServer) -> None:
    send(mails, "First")
    send(mails, "Second")
    shown = page(practice_lms, "/mails/received")
    assert shown.index("Second") < shown.index("First")
    assert "2 mails" in page(practice_lms, "/")


def test_markup_in_a_mail__is_shown_as_text(practice_lms: PracticeLMS, mails: MailServer) -> None:
    script = "<script>alert(1)</script>"
    send(mails, script, f'{script} https://a.example/"><script>')
    assert "<script>alert" not in page(practice_lms)
    assert "&lt;script&gt;alert(1)" in page(practice_lms)


def test_address_in_a_mail__is_a_link(practice_lms: PracticeLMS, mails: MailServer) -> None:
    send(mails, text="Open https://bridge.example/x?a=1&b=2 now")
    assert '<a href="https://bridge.example/x?a=1&amp;b=2" rel="noreferrer">' in page(practice_lms)


def test_mails__beyond_the_limit__push_the_oldest_out(mails: MailServer) -> None:
    for number in range(smtp.KEPT + 5):
        mails.inbox.add("a@example.com", ("b@example.com",), f"Subject: {number}\r\n\r\n".encode())
    assert (len(mails.inbox.letters), mails.inbox.count) == (smtp.KEPT, smtp.KEPT + 5)
    assert mails.inbox.letters[-1].subject == "5"


def test_mail__that_is_too_large__is_not_kept(mails: MailServer) -> None:
    with pytest.raises((smtplib.SMTPException, OSError)):
        send(mails, text=("x" * 70 + "\n") * (smtp.LARGEST_MAIL // 60))
    assert mails.inbox.letters == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff", b"Subject: =?utf-8?B?!!!?=\r\n\r\nx", b"Content-Type: text/plain; charset=none\r\n\r\nx"],
)
def test_mail__that_is_none__breaks_no_page(practice_lms: PracticeLMS, mails: MailServer, content: bytes) -> None:
    mails.inbox.add("", ("b@example.com",), content)
    assert "number 1" in page(practice_lms)


@pytest.mark.parametrize("line", [b"HELLO", b"DATA", b"RCPT", b"MAIL FROM:x", b"\xff\xfe", b""])
def test_conversation__with_nonsense__goes_on(mails: MailServer, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", mails.port), timeout=10) as client:
        client.recv(1000)
        client.sendall(line + b"\r\n")
        assert client.recv(1000)[:1] in b"25"
        client.sendall(b"QUIT\r\n")
        assert client.recv(1000).startswith(b"221")


def test_mails_page__is_only_read(practice_lms: PracticeLMS) -> None:
    assert ask(f"{practice_lms.address}/mails", "POST").status == 405
    assert "No mail so far." in page(practice_lms)
