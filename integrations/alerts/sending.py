"""Sending the mails of the outbox: taken with a lease, tried, marked. A crash may repeat a mail and loses none."""

from __future__ import annotations

import smtplib
import uuid
from contextlib import suppress
from datetime import timedelta

from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations import lifeline
from integrations.alerts.wording import single_line
from integrations.models import Contact, Mail
from objectives import clock

# Minutes until the next try after the first, second, … one; then hourly.
LADDER = (1, 5, 15, 60)
# Longer than a worker's task may last, so that no mail is in two hands.
LEASE = timedelta(minutes=5)
LONGEST_WORDS = 200
# Answers that are about us and not about the recipient: who we are was not accepted (RFC 4954, 6).
OUR_FAULT = {530, 534, 535, 538}


class Refused(Exception):
    """The mail server will not take this mail, now or later. ``address`` if it is the recipient it refuses."""

    def __init__(self, words: str, *, address: bool) -> None:
        super().__init__(words)
        self.words, self.address = words, address


class NotNow(Exception):
    """The mail server did not take this mail, but may later. ``gone`` if it would not take any other either."""

    def __init__(self, sentence: str, *, gone: bool) -> None:
        super().__init__(sentence)
        self.sentence, self.gone = sentence, gone


def send_mails(until: float) -> int:
    """Send what is due until ``time.monotonic()`` is past ``until``; how many the mail server took.

    Ends early where another worker is sending, or where the mail server cannot be reached: what is due then waits.
    """
    sent = 0
    while lifeline.time_left(until) and not Mail.objects.being_sent().exists():
        mail = _take_next()
        if mail is None:
            break
        try:
            _send(mail)
        except Refused as refusal:
            _refuse(mail, refusal)
        except NotNow as problem:
            _settle(mail, sentence=problem.sentence)
            if problem.gone:
                _postpone()
                break
        else:
            sent += 1
            _settle(mail, state=Mail.State.SENT, sent_at=clock.now(), sentence="")
    return sent


def _take_next() -> Mail | None:
    now = clock.now()
    token = uuid.uuid4()
    mail: Mail
    for mail in Mail.objects.due(now).order_by("send_at", "pk")[:10]:
        # The next try is set before this one: whatever happens to the worker, the mail stays in the outbox.
        following = now + _wait(mail.attempts)
        mine = Mail.objects.due(now).filter(pk=mail.pk).order_by()
        if mine.update(lease_token=token, lease_until=Now() + LEASE, attempts=F("attempts") + 1, send_at=following):
            mail.lease_token = token
            return mail
    return None


def _wait(attempts: int) -> timedelta:
    return timedelta(minutes=LADDER[min(attempts, len(LADDER) - 1)])


def _settle(mail: Mail, **change: object) -> None:
    held = Mail.objects.filter(pk=mail.pk, lease_token=mail.lease_token)
    held.update(lease_token=None, lease_until=None, **change)


def _postpone() -> None:
    """The mail server is away: the others that are due wait as well, so that not each of them runs into it."""
    now = clock.now()
    Mail.objects.filter(state=Mail.State.QUEUED, send_at__lte=now).update(send_at=now + _wait(0))


def _refuse(mail: Mail, refusal: Refused) -> None:
    _settle(mail, state=Mail.State.REFUSED, sentence=_("Refused: %(words)s") % {"words": refusal.words})
    if refusal.address:
        Contact.objects.update_or_create(
            organization_id=mail.organization_id,
            email=mail.to,
            defaults={"refused_at": clock.now(), "refusal": refusal.words},
        )
        others = Mail.objects.filter(organization=mail.organization_id, to=mail.to, state=Mail.State.QUEUED)
        others.update(state=Mail.State.DROPPED, sentence=_("Not sent: the mail server refused this address before."))


# One mail ----------------------------------------------------------------------------------------------------------


def _send(mail: Mail) -> None:
    """Hand one mail to the mail server. Raises ``Refused`` or ``NotNow``."""
    message = EmailMessage(
        subject=mail.subject,
        body=mail.body,
        to=[mail.to],
        # RFC 3834, 5: so that no holiday notice is sent back.
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    )
    connection = get_connection()
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as problem:
        code, text = next(iter(problem.recipients.values()))
        raise _answered(code, text, address=True) from None
    except smtplib.SMTPDataError as problem:
        raise _answered(problem.smtp_code, problem.smtp_error, address=False) from None
    except smtplib.SMTPResponseException as problem:
        raise NotNow(_said(problem.smtp_code, problem.smtp_error), gone=True) from None
    except (smtplib.SMTPException, OSError) as problem:
        sentence = _("The mail server could not be reached (%(kind)s).") % {"kind": type(problem).__name__}
        raise NotNow(sentence, gone=True) from None
    except ValueError:
        raise Refused(_("no mail can be written to this address"), address=True) from None
    finally:
        with suppress(smtplib.SMTPException, OSError):
            connection.close()


def _answered(code: int, text: bytes | str, *, address: bool) -> Refused | NotNow:
    if 500 <= code < 600 and code not in OUR_FAULT:
        return Refused(_words(code, text), address=address)
    # 421 says that the server is closing: it takes no other mail either (RFC 5321, 4.2.3).
    return NotNow(_said(code, text), gone=code == 421 or code in OUR_FAULT)


def _said(code: int, text: bytes | str) -> str:
    return _("The mail server said: %(words)s") % {"words": _words(code, text)}


def _words(code: int, text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return single_line(f"{code} {plain}", LONGEST_WORDS)
