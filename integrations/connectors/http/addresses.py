"""Which addresses may be reached: the single strict reading of a URL and our own table of networks.

The table is ours because ``ipaddress`` calls some special networks global, and differently so from one Python to
the next. IPv4 is everything but the IANA special-purpose registry; IPv6 is only what is global unicast today.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_LENGTH = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}

_SPECIAL_IPV4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform services, which answer only to machines inside it
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_IPV6 = [
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_FORBIDDEN = re.compile(r"[\s\\\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
_PATH = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
# WHATWG URL 3.5, "ends in a number": browsers and C libraries read such a host as an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AddressRefused(ValueError):
    """This address must not be reached. ``sentence`` is the same whatever the policy's reason, so that refusals
    tell nothing about our network; text that is no URL at all gets a sentence that says what is wrong with it."""

    def __init__(self, sentence: str = "This address is not allowed.") -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclasses.dataclass(frozen=True, slots=True)
class Destination:
    """What one URL means, read once; requests are built from this and never from text again."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and, if it is not the scheme's own, port: ``https://lms.example.com``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def join(self, name: str) -> Destination:
        """The resource ``name`` under this path, whether or not the path ends in a slash; the query stays."""
        segment = quote(name.removeprefix("/"), safe="/%-._~!$&'()*+,;=:@")
        return dataclasses.replace(self, path=f"{self.path.removesuffix('/')}/{segment}")

    def __str__(self) -> str:
        return f"{self.origin}{self.path}{'?' + self.query if self.query else ''}"


def parse(url: str) -> Destination:
    """The destination that ``url`` names; ``AddressRefused`` if it is malformed or what it says is never allowed.

    What a host name resolves to is judged when connecting, by ``check``.
    """
    if len(url) > MAX_LENGTH:
        raise AddressRefused(f"The URL is longer than {MAX_LENGTH} characters.")
    if _FORBIDDEN.search(url):
        raise AddressRefused("The URL contains a space, a control character or a backslash.")
    match = _URL.fullmatch(url)
    if match is None or match["scheme"].lower() not in DEFAULT_PORTS:
        raise AddressRefused("The URL must begin with https:// and name a host.")
    if match["fragment"] is not None:
        raise AddressRefused("The URL must not contain a # part.")
    path, query = match["path"], match["query"] or ""
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise AddressRefused("The URL contains characters that must be written percent-encoded.")
    scheme = match["scheme"].lower()
    host, port = _host_and_port(match["authority"], DEFAULT_PORTS[scheme])
    destination = Destination(scheme, host, port, path or "/", query)
    judge(destination)
    return destination


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise AddressRefused("The URL must not contain a user name or a password.")
    if not authority:
        raise AddressRefused("The URL must begin with https:// and name a host.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise AddressRefused("The host or the port in the URL is not readable.")
    port = int(match["port"] or default_port)
    if port > 65535:
        raise AddressRefused("The port in the URL must be between 1 and 65535.")
    return _host(match["host"]), port


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise AddressRefused("The host or the port in the URL is not readable.") from None
    name = _ascii(text.lower()).removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _dotted_quad(name)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("The host in the URL is not a valid name.")
    return name


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        # strict: only the ASCII full stop separates labels. No mapping, so full-width digits stay refused.
        return idna.encode(name, strict=True).decode("ascii")
    except idna.IDNAError:
        raise AddressRefused("The host in the URL is not a valid name.") from None


def _dotted_quad(name: str) -> str:
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        raise AddressRefused from None


def judge(destination: Destination) -> None:
    """Raise ``AddressRefused`` if the destination is refused whatever its name may resolve to."""
    literal = literal_address(destination.host)
    if literal is not None:
        check(destination, [literal])
    elif _needs_opening(destination) and not settings.OUTBOUND_ALLOWED_NETWORKS:
        raise AddressRefused


def check(destination: Destination, addresses: Iterable[Address]) -> None:
    """Raise ``AddressRefused`` unless every one of ``addresses`` may be reached for this destination."""
    needs_opening = _needs_opening(destination)
    for address in addresses:
        if _is_opened(address):
            continue
        if needs_opening or not is_public(address) or is_own(address):
            raise AddressRefused


def literal_address(host: str) -> Address | None:
    """The address if ``host`` is one rather than a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped one, which is where a connection to it would go."""
    return getattr(address, "ipv4_mapped", None) or address


def is_public(address: Address) -> bool:
    """Whether ``address`` is one of the open internet's, by our own table."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


def is_own(address: Address) -> bool:
    """Whether this very machine has ``address``: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _is_opened(address: Address) -> bool:
    target = unwrapped(address)
    return any(target in network for network in settings.OUTBOUND_ALLOWED_NETWORKS)


def _needs_opening(destination: Destination) -> bool:
    """Plain http, an unlisted port, a single-label name and our own name lead only into networks that are opened."""
    is_name = literal_address(destination.host) is None
    return (
        destination.scheme != "https"
        or destination.port not in settings.OUTBOUND_PORTS
        or (is_name and "." not in destination.host)
        or destination.host == urlsplit(settings.PUBLIC_URL).hostname
    )
