"""The one door out: every request to an address that somebody typed or an LMS handed over goes through here.

``parse`` reads an address once and strictly, ``Door`` resolves it once, checks every address the name stands for,
connects to the checked address itself, follows nothing, trusts no environment, and holds one deadline over all of it.
Underneath is a ``requests`` session with a connection class of its own.
"""

from integrations.connectors.http.addresses import AddressRefused, Destination, parse
from integrations.connectors.http.answers import Answer
from integrations.connectors.http.door import Door

__all__ = ["AddressRefused", "Answer", "Destination", "Door", "parse"]
