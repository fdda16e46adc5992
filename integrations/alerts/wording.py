"""What the mails say: plain text about one LMS configuration. No learner is named in them, and no secret."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Contact, Delivery, Incident, Lane, LMSConfiguration, Mail

# Waiting deliveries are counted up to here.
MOST_COUNTED = 10_000
LONGEST_SUBJECT = 200
LONGEST_NAME = 80
LONGEST_SENTENCE = 500


@dataclass(frozen=True)
class Text:
    """A mail without its address: ``subject`` is one line."""

    subject: str
    body: str


def single_line(text: str, most: int) -> str:
    """The text without line breaks and without characters that are not seen, cut to ``most`` characters."""
    seen = [char for char in text if unicodedata.category(char) != "Cf"]
    line = " ".join("".join(" " if unicodedata.category(char)[0] == "C" else char for char in seen).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def about(kind: Mail.Kind, incident: Incident, now: datetime) -> Text:
    """The mail of this kind about an outage of an LMS, as things are ``now``."""
    return _TEXTS[kind](incident, now)


# The outage --------------------------------------------------------------------------------------------------------


def _opening(incident: Incident, _now: datetime) -> Text:
    name = _name(incident.configuration)
    return _text(
        incident.configuration,
        incident.get_status_display(),
        _("LMS Bridge cannot deliver results to the LMS “%(name)s” any more.") % {"name": name},
        [*_facts(incident), _waiting(incident.configuration)],
        _what_to_do(incident),
    )


def _reminder(incident: Incident, now: datetime) -> Text:
    configuration = incident.configuration
    text = _("LMS Bridge still cannot deliver results to the LMS “%(name)s”. This has lasted %(time)s.")
    return _text(
        configuration,
        _("still %(status)s") % {"status": incident.get_status_display()},
        text % {"name": _name(configuration), "time": _length(incident.opened_at, now)},
        [*_facts(incident), _waiting(configuration), *_set_aside(configuration)],
        _what_to_do(incident),
    )


def _recovery(incident: Incident, now: datetime) -> Text:
    configuration = incident.configuration
    text = _("The LMS “%(name)s” takes results again. The trouble lasted %(time)s.")
    since, until = _moment(incident.opened_at), _moment(incident.closed_at or now)
    return _text(
        configuration,
        _("it works again"),
        text % {"name": _name(configuration), "time": _length(incident.opened_at, incident.closed_at or now)},
        [(_("From"), since), (_("Until"), until), _waiting(configuration), *_set_aside(configuration)],
        _("There is nothing to do: what waited is being sent now, each result once."),
    )


def _unstable(incident: Incident, _now: datetime) -> Text:
    configuration = incident.configuration
    text = _(
        "The LMS “%(name)s” comes and goes: within an hour it failed several times and worked again each time. "
        "You will hear no more of it until it has been steady for an hour."
    )
    return _text(
        configuration,
        _("unstable"),
        text % {"name": _name(configuration)},
        [(_("Last trouble"), _sentence(incident)), _waiting(configuration)],
        _("Tell whoever runs the LMS. Results are sent whenever it answers, each once; none is lost."),
    )


_TEXTS = {
    Mail.Kind.OPENING: _opening,
    Mail.Kind.REMINDER: _reminder,
    Mail.Kind.RECOVERY: _recovery,
    Mail.Kind.UNSTABLE: _unstable,
}


def _what_to_do(incident: Incident) -> str:
    if incident.status == Lane.Status.CANNOT_CONNECT:
        first = _("Check that the LMS is up and that its address in LMS Bridge is right, or ask whoever runs it.")
    else:
        first = _("The last answer says where to look: at the address or key in LMS Bridge, or at the LMS itself.")
    rest = _(
        "Nothing is lost: LMS Bridge keeps the results, goes on trying, and sends them by itself once the LMS takes "
        "them. To have it tried at once, press “Test connection” on the page below."
    )
    return f"{first}\n{rest}"


# Results about to expire -------------------------------------------------------------------------------------------


def expiry(configuration: LMSConfiguration, days: int, count: int) -> Text:
    """A warning that ``count`` results could not be delivered and that the oldest expire within so many days."""
    about_days = ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}
    text = ngettext(
        "%(count)s result for the LMS “%(name)s” has waited so long that it expires %(when)s.",
        "%(count)s results for the LMS “%(name)s” have waited so long that they expire %(when)s.",
        count,
    )
    return _text(
        configuration,
        _("results expire %(when)s") % {"when": about_days},
        text % {"count": _number(count), "name": _name(configuration), "when": about_days},
        [(_("Status"), _status_of(configuration)), _waiting(configuration), *_set_aside(configuration)],
        _(
            "A result that could not be delivered for %(count)s days is given up, and so are those recorded after it "
            "when they are as old. Have the LMS repaired, or resume sending if it is paused, before that happens."
        )
        % {"count": settings.DELIVERY_EXPIRES_DAYS},
    )


# Launches ----------------------------------------------------------------------------------------------------------


def trusted(configuration: LMSConfiguration, origin: str) -> Text:
    """The first launch of a configuration without an address was confirmed by this server, which is trusted now."""
    text = _(
        "A learner opened a story from the server below, and it gave LMS Bridge a token for the LMS “%(name)s”. "
        "This LMS configuration has no address of its own, so from now on its results go to this server."
    )
    return _text(
        configuration,
        _("results go to %(origin)s") % {"origin": origin},
        text % {"name": _name(configuration)},
        [(_("Server"), origin)],
        _(
            "If this is your LMS, there is nothing to do. If you do not know it, refuse it on the page below: then "
            "nothing more is sent there. Other servers are held back until an admin approves them."
        ),
    )


# Confirming --------------------------------------------------------------------------------------------------------


def confirm(contact: Contact, link: str) -> Text:
    """The question whether alerts may go to this address. It holds no text that a tenant may choose freely."""
    organization = single_line(contact.organization.name, LONGEST_NAME)
    body = _(
        "%(organization)s entered this address in LMS Bridge, to be told when results cannot be delivered to its "
        "learning management system.\n\n"
        "If you want these mails, open this page within 7 days and confirm:\n\n%(link)s\n\n"
        "If you do not, there is nothing to do: without your consent no such mail is sent here."
    )
    return Text(
        subject=_("Please confirm: alerts of %(organization)s") % {"organization": organization},
        body=body % {"organization": organization, "link": link},
    )


# Parts -------------------------------------------------------------------------------------------------------------


def _text(
    configuration: LMSConfiguration, headline: str, first: str, facts: list[tuple[str, str]], what_to_do: str
) -> Text:
    organization = single_line(configuration.organization.name, LONGEST_NAME)
    width = max(len(label) for label, _value in facts) + 2
    lines = "\n".join(f"{label + ':':<{width}}{value}" for label, value in facts)
    why = _(
        "You get this mail because %(email)s is the contact e-mail of this LMS configuration of %(organization)s."
    )
    why %= {"email": configuration.contact_email, "organization": organization}
    body = "\n\n".join([first, lines, what_to_do, link(configuration), f"-- \n{why}"])
    subject = f"{organization}, {_name(configuration)}: {headline}"
    return Text(single_line(subject, LONGEST_SUBJECT), body + "\n")


def link(configuration: LMSConfiguration) -> str:
    """The page of the configuration."""
    return str(settings.PUBLIC_URL) + reverse("admin:integrations_lmsconfiguration_change", args=[configuration.pk])


def _name(configuration: LMSConfiguration) -> str:
    return single_line(configuration.name, LONGEST_NAME)


def _facts(incident: Incident) -> list[tuple[str, str]]:
    return [
        (_("Status"), incident.get_status_display()),
        (_("Since"), _moment(incident.opened_at)),
        (_("Last answer"), _sentence(incident)),
    ]


def _sentence(incident: Incident) -> str:
    return single_line(incident.sentence, LONGEST_SENTENCE) or "–"


def _status_of(configuration: LMSConfiguration) -> str:
    status = configuration.lane.get_status_display()
    return f"{status}, {_('Paused')}" if configuration.paused else status


def _waiting(configuration: LMSConfiguration) -> tuple[str, str]:
    count = _count(configuration, Delivery.State.QUEUED)
    return _("Waiting"), ngettext("%(count)s result", "%(count)s results", count) % {"count": _number(count)}


def _set_aside(configuration: LMSConfiguration) -> list[tuple[str, str]]:
    """What does not go by itself, where there is any."""
    states = {Delivery.State.HELD: _("Held"), Delivery.State.REJECTED: _("Rejected")}
    counts = [(label, _count(configuration, state)) for state, label in states.items()]
    return [(label, _number(count)) for label, count in counts if count]


def _count(configuration: LMSConfiguration, state: Delivery.State) -> int:
    """Results alone: what contents and assignments wait for says nothing to who gets the mail."""
    own = {"lane": configuration.lane, "configuration": configuration, "kind": Delivery.Kind.RESULT}
    found = Delivery.objects.filter(**own, state=state)
    return found.order_by()[: MOST_COUNTED + 1].count()


def _number(count: int) -> str:
    return f"{count:,}" if count <= MOST_COUNTED else _("more than %(count)s") % {"count": f"{MOST_COUNTED:,}"}


def _moment(when: datetime) -> str:
    return date_format(when.astimezone(UTC), "F j, Y, H:i ") + "UTC"


def _length(start: datetime, end: datetime) -> str:
    if (end - start).total_seconds() < 60:
        return _("less than a minute")
    return timesince(start, end, depth=2).replace("\N{NO-BREAK SPACE}", " ")
