"""Who may be sent alerts: members of the organization, and whoever has confirmed it by a mailed link."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.alerts import outbox, wording
from integrations.models import Contact, Incident, LMSConfiguration, Mail
from objectives.models import Membership

LINK_LIFE = timedelta(days=7)
ASK_AGAIN_AFTER = timedelta(hours=1)
# Requests for confirmation to one address, whichever organizations they come from.
ASKED_PER_DAY = 3
SALT = "integrations.contact"


def contact_of(configuration: LMSConfiguration) -> Contact:
    """The contact of a configuration. Case is ignored, as all mail servers in use do."""
    contact, _created = Contact.objects.get_or_create(
        organization_id=configuration.organization_id, email=configuration.contact_email.lower()
    )
    return contact


def is_member(contact: Contact) -> bool:
    """Whether the address is that of an active member of the organization, who needs no confirmation."""
    return Membership.objects.filter(
        organization=contact.organization_id, user__email__iexact=contact.email, user__is_active=True
    ).exists()


def is_confirmed(contact: Contact) -> bool:
    """Whether alerts may go to this address."""
    return contact.confirmed_at is not None or is_member(contact)


def obstacle(contact: Contact) -> str:
    """Why alerts do not go to this address; empty if they do."""
    if contact.refused_at is not None:
        return _("Not sent: the mail server refused this address before.")
    if not is_confirmed(contact):
        return _("Not sent: nobody has confirmed this address yet.")
    return ""


# Asking ------------------------------------------------------------------------------------------------------------


def ask(configuration: LMSConfiguration, now: datetime) -> bool:
    """Ask the configuration's contact, once, whether alerts may go there; whether that was done just now.

    Nobody is asked who is a member or was asked before.
    """
    contact = contact_of(configuration)
    if contact.asked_at is not None or is_confirmed(contact):
        return False
    with transaction.atomic():
        return not _ask(contact, now)


def ask_again(contact: Contact, now: datetime) -> str:
    """Send the request for confirmation once more and forget an earlier refusal; why not, or nothing if done."""
    if is_confirmed(contact) and contact.refused_at is None:
        return _("Alerts go to %(email)s already.") % {"email": contact.email}
    with transaction.atomic():
        if contact.asked_at is not None and contact.asked_at > now - ASK_AGAIN_AFTER:
            minutes = -(-(contact.asked_at + ASK_AGAIN_AFTER - now) // timedelta(minutes=1))
            text = ngettext(
                "%(email)s was asked a short while ago. Wait %(count)s minute, then send it again.",
                "%(email)s was asked a short while ago. Wait %(count)s minutes, then send it again.",
                minutes,
            )
            return text % {"email": contact.email, "count": minutes}
        return _ask(contact, now)


def _ask(contact: Contact, now: datetime) -> str:
    """Write the request, unless the address was asked too often; the reason then."""
    outbox.hold(contact)
    # Two who ask at once: the second finds that the moment has changed.
    mine = Contact.objects.filter(pk=contact.pk, asked_at=contact.asked_at)
    too_many = _asked_too_often(contact, now) or outbox.limit_reached(contact, now)
    if too_many:
        outbox.put(contact, Mail.Kind.CONFIRM, wording.confirm(contact, link(contact)), now, too_many)
        return too_many
    if mine.update(asked_at=now, refused_at=None, refusal=""):
        outbox.put(contact, Mail.Kind.CONFIRM, wording.confirm(contact, link(contact)), now)
    return ""


def _asked_too_often(contact: Contact, now: datetime) -> str:
    asked = Mail.objects.filter(to=contact.email, kind=Mail.Kind.CONFIRM, created_at__gt=now - timedelta(days=1))
    if asked.exclude(state=Mail.State.DROPPED).count() < ASKED_PER_DAY:
        return ""
    return _("Not sent: this address was asked %(count)s times within a day.") % {"count": ASKED_PER_DAY}


# The link ----------------------------------------------------------------------------------------------------------


def link(contact: Contact) -> str:
    """The address in the mail by which its receiver confirms."""
    token = signing.dumps([contact.pk, contact.email], salt=SALT)
    return str(settings.PUBLIC_URL) + reverse("integrations:confirm_contact", args=[token])


def read_token(token: str) -> Contact | None:
    """The contact that a link is for; ``None`` if it was altered, is older than a week, or the contact is gone."""
    try:
        found: Any = signing.loads(token, salt=SALT, max_age=LINK_LIFE)
    except signing.BadSignature:
        return None
    pk, email = found
    return Contact.objects.filter(pk=pk, email=email).select_related("organization").first()


def confirm(contact: Contact, now: datetime) -> None:
    """Alerts may go there from now on; outages under way are told with the next look."""
    if not Contact.objects.filter(pk=contact.pk, confirmed_at__isnull=True).update(confirmed_at=now):
        return
    kept_back = Incident.objects.open().filter(
        organization=contact.organization_id, configuration__contact_email__iexact=contact.email, announced=False
    )
    kept_back.filter(next_mail_at__isnull=False).update(next_mail_at=now)
