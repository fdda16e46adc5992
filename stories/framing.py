"""Who may show learner pages in a frame: the LMS that a story is shared with."""

from __future__ import annotations

from integrations.models import Launch, LMSConfiguration
from integrations.models.configuration import origin_of


def origins(configuration: LMSConfiguration | None, launch: Launch | None = None) -> list[str]:
    """Scheme, host and port of each: the configured server, those that launches may name, the accounts' home page.

    While nobody said which server launches may lead to, it is the servers of the launch itself.
    """
    if configuration is None:
        return []
    found = {configuration.origin(), origin_of(str(configuration.options.get("account_home_page", "")))}
    found |= {origin for origin in configuration.origins if configuration.allows(origin)}
    if launch is not None and configuration.trusts_first_token:
        found |= {launch.endpoint_origin, launch.fetch_origin}
    return sorted(found - {""})
