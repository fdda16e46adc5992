"""Limits per address of whoever asks, so that links and people cannot be tried in masses.

Counted in each web process by itself: a bound that needs no write to the database for a request that is refused.
"""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

WINDOW = 60  # seconds
# Many learners may share one address; who guesses links needs more than this by far.
MOST = {"misses": 60, "people": 120}


def network(request: HttpRequest) -> str:
    """Where a request comes from: the address, of IPv6 the /64; behind proxies of ours what the last one saw."""
    seen = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if settings.TRUSTED_PROXIES and len(hops) >= settings.TRUSTED_PROXIES:
        seen = hops[-settings.TRUSTED_PROXIES]
    try:
        address = ipaddress.ip_address(seen)
    except ValueError:
        return "unknown"
    return str(address if address.version == 4 else ipaddress.ip_network(f"{address}/64", strict=False))


def _key(request: HttpRequest, what: str) -> str:
    return f"throttle:{what}:{network(request)}"


def is_over(request: HttpRequest, what: str) -> bool:
    """Whether this address has had its number of ``what`` for a while."""
    count: int = cache.get(_key(request, what), 0)
    return count >= MOST[what]


def count(request: HttpRequest, what: str) -> None:
    """One more of ``what`` from this address."""
    key = _key(request, what)
    cache.add(key, 0, WINDOW)
    try:
        cache.incr(key)
    except ValueError:
        # It ran out between the two.
        cache.set(key, 1, WINDOW)
