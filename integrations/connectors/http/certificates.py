"""What to tell a person about a TLS handshake that failed."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Callable

from cryptography import x509

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NOT_YET_VALID = 9
_EXPIRED = 10
_SELF_SIGNED = {18, 19}
_WRONG_NAME = {62, 64}
_UNKNOWN_ISSUER = {2, 20, 21}

_OLD_TLS = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "WRONG_SSL_VERSION"}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


def about(host: str, peer: tuple[str, int], problem: OSError, remaining: Callable[[], float]) -> str:
    """The cause of ``problem`` in a sentence. ``peer`` is the socket address that ``host`` was reached at."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _about_certificate(host, peer, problem.verify_code, remaining)
    reason = getattr(problem, "reason", None) or ""
    if reason in _OLD_TLS:
        return (
            f"{host} offers only versions of TLS that are no longer safe; "
            "ask the LMS's administrator to switch on TLS 1.2 or newer."
        )
    if reason in _NO_TLS:
        return f"{host} does not speak https on this port. Check the URL and the port."
    return f"{host} broke off the TLS handshake. Check the URL and the port, or ask the LMS's administrator."


def _about_certificate(host: str, peer: tuple[str, int], code: int, remaining: Callable[[], float]) -> str:
    ask = "ask the LMS's administrator to"
    if code == _EXPIRED:
        return f"The certificate of {host} expired{_expiry(host, peer, remaining)}; {ask} renew it."
    if code == _NOT_YET_VALID:
        return f"The certificate of {host} is not valid yet; {ask} check it and the server's clock."
    if code in _SELF_SIGNED:
        return f"The certificate of {host} is self-signed; {ask} install one of a public authority."
    if code in _WRONG_NAME:
        return f"The certificate of {host} is for another name. Check the URL, or {ask} correct the certificate."
    if code in _UNKNOWN_ISSUER:
        return f"The certificate of {host} leads to no trusted authority; {ask} install the complete chain."
    return f"The certificate of {host} could not be verified; {ask} check it."


def _expiry(host: str, peer: tuple[str, int], remaining: Callable[[], float]) -> str:
    """When the certificate expired, as in " on 2026-01-31", or nothing if it cannot be read.

    A failed handshake does not hand the certificate out, so it is fetched once more, from the address already
    checked, without verifying and without sending anything.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(peer, timeout=remaining()) as plain:
            plain.settimeout(remaining())
            with context.wrap_socket(plain, server_hostname=host) as made:
                found = made.getpeercert(binary_form=True)
        moment: datetime.datetime = x509.load_der_x509_certificate(found or b"").not_valid_after_utc
    except (OSError, ValueError):
        return ""
    return f" on {moment:%Y-%m-%d}"
