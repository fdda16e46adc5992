"""Limits per address of whoever asks and per learner they claim to be, so that neither links nor people are tried in
masses.

Counted in each web process by itself: a bound that needs no write to the database for a request that is refused.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

WINDOW = 60  # seconds
# Many learners may share one address; who guesses links needs more than this by far.
# ``claims`` are launches that prove nothing, of one learner by one link.
MOST = {"misses": 60, "people": 120, "claims": 30}


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


def learner(share: int, actor: Mapping[str, Any]) -> str:
    """Whom a launch by this share claims to be of, as something to count by."""
    who = {name: value for name, value in actor.items() if name != "name"}
    return hashlib.sha256(json.dumps([share, who], sort_keys=True).encode()).hexdigest()


def _key(request: HttpRequest, what: str, who: str) -> str:
    return f"throttle:{what}:{who or network(request)}"


def is_over(request: HttpRequest, what: str, who: str = "") -> bool:
    """Whether there was enough of ``what`` for a while: from this address, or of this ``learner``."""
    count: int = cache.get(_key(request, what, who), 0)
    return count >= MOST[what]


def count(request: HttpRequest, what: str, who: str = "") -> None:
    """One more of ``what`` from this address, or of this ``learner``."""
    key = _key(request, what, who)
    cache.add(key, 0, WINDOW)
    try:
        cache.incr(key)
    except ValueError:
        # It ran out between the two.
        cache.set(key, 1, WINDOW)
