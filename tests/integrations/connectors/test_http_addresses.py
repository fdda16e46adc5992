"""What the one door reads as an address, and which addresses it refuses."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from pytest_django import Settings

from integrations.connectors.base import CannotConnect
from integrations.connectors.http import AddressRefused, Destination, Door, parse
from integrations.connectors.http.addresses import check, is_own, is_public
from tests.sockets import OPEN, Fence, Sink, answer, serving

REFUSED = "This address is not allowed."
FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.254",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "2606:4700::6810:84e5"]


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> Fence:
    return Fence(monkeypatch)


def _url(address: str) -> str:
    return f"https://[{address}]/" if ":" in address else f"https://{address}/"


def _refusal(door: Door, destination: Destination) -> CannotConnect:
    with pytest.raises(CannotConnect) as caught:
        door.request("POST", destination, headers={"Authorization": "Basic key"}, body=b"{}")
    return caught.value


@pytest.mark.catalogue("S01", "S39")
@pytest.mark.parametrize("address", FORBIDDEN)
def test_parse__forbidden_literal(address: str) -> None:
    with pytest.raises(AddressRefused, match=f"^{REFUSED}$"):
        parse(_url(address))


@pytest.mark.catalogue("S01", "S39")
@pytest.mark.parametrize("address", FORBIDDEN)
def test_door__name_of_forbidden_address(address: str, fence: Fence) -> None:
    with Door(deadline=2, resolver=lambda host, port: [address]) as door:
        refusal = _refusal(door, parse("https://lms.example.com/"))
    assert (refusal.sentence, refusal.phase, refusal.request_began, fence.hits) == (REFUSED, "address", False, [])


@pytest.mark.catalogue("S01")
@pytest.mark.parametrize("address", PUBLIC)
def test_check__public_address(address: str) -> None:
    check(parse(_url(address)), [ipaddress.ip_address(address)])


@pytest.mark.catalogue("S01")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_door__listener_on_forbidden_loopback(address: str) -> None:
    with Sink(address) as sink, Door(deadline=2, resolver=lambda host, port: [address]) as door:
        assert _refusal(door, Destination("https", "lms.example.com", sink.port, "/")).sentence == REFUSED
        assert sink.accepted == 0


def test_is_public__networks_around_the_special_ones() -> None:
    near = ["9.255.255.255", "11.0.0.0", "100.128.0.0", "172.32.0.0", "192.0.1.0", "223.255.255.255", "2001:200::1"]
    assert all(is_public(ipaddress.ip_address(address)) for address in near)


@pytest.mark.catalogue("S02")
@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "127.0.0.1.",
        "127.0.0.01",
        "8.8.8.8.8",
        "999.1.1.1",
        "1.2.3.0x4",
        "[::1%25lo]",
        "[::1%lo]",
        "[fe80::1%eth0]",
        "[::1",
        "[8.8.8.8]",
        "[v1.a]",
        "lms.example.com..",
        ".example.com",
        "lms..example.com",
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "\u2460\u2461\u2466.0.0.1",
        "lms%2eexample.com",
        "-lms.example.com",
        "lms-.example.com",
        "l" * 64 + ".example.com",
        "a." * 127 + "example",
        "lms_.example.com",
        "",
    ],
)
def test_parse__tricky_host(host: str) -> None:
    with pytest.raises(AddressRefused):
        parse(f"https://{host}/xapi")


@pytest.mark.catalogue("S02")
def test_parse__one_trailing_dot() -> None:
    assert parse("https://LMS.Example.com./").host == "lms.example.com"


@pytest.mark.catalogue("S03")
@pytest.mark.parametrize(
    "url",
    [
        "https://user@lms.example.com/",
        "https://user:word@lms.example.com/",
        "https://@lms.example.com/",
        "https://lms.example.com/#part",
        "https://lms.example.com#@127.0.0.1/",
        "https://127.0.0.1\\@lms.example.com/",
        "https://lms.example.com\\.example.net/",
        "https://lms.example.com/a\r\nHost: x",
        "https://lms.example.com/a\tb",
        "https://lms.example.com/a b",
        " https://lms.example.com/",
        "https://lms.example.com/\n",
        "https://lms.example.com/a\u00a0b",
        "https://lms.example.com/a\u202eb",
        "https://lms.example.com/\u00fc",
        "https://lms.example.com/%zz",
        "https://lms.example.com/?a=%0",
        "https://lms.example.com/" + "a" * 2048,
        "https://lms.example.com:443:443/",
        "https://lms.example.com:/",
        "https://lms.example.com:0/",
        "https://lms.example.com:0443/",
        "https://lms.example.com:70000/",
        "https://lms.example.com:65536/",
        "https://lms.example.com:https/",
        "https://lms.example.com:-1/",
        "https:lms.example.com/",
        "https:///path",
        "//lms.example.com/",
        "lms.example.com",
        "ftp://lms.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ],
)
def test_parse__malformed_text(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse(url)


@pytest.mark.catalogue("S03", "S39")
@pytest.mark.parametrize("origin", [f"https://lms.example.com:{port}" for port in (22, 25, 80, 5432, 6379, 65535)])
def test_parse__port_not_listed(origin: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(AddressRefused, match=f"^{REFUSED}$"):
        parse(f"{origin}/")


@pytest.mark.catalogue("S03")
@pytest.mark.parametrize(
    "url", ["http://lms.example.com/", "https://lms/", "https://localhost/", "https://testserver/"]
)
def test_parse__only_for_opened_networks(url: str, settings: Settings) -> None:
    parse(url)
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(AddressRefused, match=f"^{REFUSED}$"):
        parse(url)


@pytest.mark.parametrize("url", ["http://lms.example.com/", "https://lms.example.com:22/", "https://lms/"])
def test_door__public_address_where_only_opened_ones_may_be(url: str, fence: Fence) -> None:
    with Door(deadline=2, resolver=lambda host, port: ["8.8.8.8"]) as door:
        assert _refusal(door, parse(url)).sentence == REFUSED
    assert fence.hits == []


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://8.8.8.8:22/", "http://[2606:4700::1]/"])
def test_parse__public_literal_without_https_or_listed_port(url: str) -> None:
    with pytest.raises(AddressRefused, match=f"^{REFUSED}$"):
        parse(url)


def test_parse__opened_network_is_free_of_port_and_scheme() -> None:
    assert str(parse(f"http://{OPEN}:8123/xapi")) == f"http://{OPEN}:8123/xapi"


def test_parse__address_mapped_into_ipv6_of_an_opened_network() -> None:
    with serving(answer()) as server, Door(deadline=2) as door:
        mapped = parse(f"http://[::ffff:{OPEN}]:{server.port}/")
        assert door.request("GET", mapped, headers={}).status == 200


def test_parse__parts() -> None:
    found = parse("HTTPS://LMS.Example.com:8443/xAPI/%7Ea?x=1&y=/?")
    assert found == Destination("https", "lms.example.com", 8443, "/xAPI/%7Ea", "x=1&y=/?")


def test_parse__international_name() -> None:
    assert parse("https://b\u00fccher.example/").origin == "https://xn--bcher-kva.example"


def test_parse__no_path() -> None:
    assert str(parse("https://lms.example.com")) == "https://lms.example.com/"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://lms.example.com:443/a", "https://lms.example.com"),
        ("https://lms.example.com:8443/a", "https://lms.example.com:8443"),
        ("https://[2606:4700::0001]/a", "https://[2606:4700::1]"),
    ],
)
def test_destination__origin(url: str, origin: str) -> None:
    assert parse(url).origin == origin


@pytest.mark.parametrize("path", ["/xapi", "/xapi/"])
def test_destination__join(path: str) -> None:
    joined = parse(f"https://lms.example.com{path}?tenant=1").join("statements")
    assert str(joined) == "https://lms.example.com/xapi/statements?tenant=1"


def test_destination__join_cannot_change_the_query() -> None:
    assert str(parse("https://lms.example.com/").join("a?b#c d")) == "https://lms.example.com/a%3Fb%23c%20d"


@pytest.mark.catalogue("S04")
@pytest.mark.parametrize(
    "destination",
    [
        Destination("https", "127.0.0.1", 443, "/"),
        Destination("http", "8.8.8.8", 80, "/"),
        Destination("https", "169.254.169.254", 443, "/latest/meta-data"),
    ],
)
def test_door__destination_that_was_never_parsed(destination: Destination, fence: Fence) -> None:
    with Door(deadline=2) as door:
        assert _refusal(door, destination).phase == "address"
    assert fence.hits == []


@pytest.mark.catalogue("S05", "S06")
@pytest.mark.parametrize(
    "answers",
    [
        ["8.8.8.8", "::1"],
        ["::1", "8.8.8.8"],
        [OPEN, "127.0.0.1"],
        [OPEN, "::ffff:127.0.0.1"],
        [OPEN, "fe80::1%lo"],
        [OPEN, "not an address"],
        [OPEN] * 1000,
        [f"8.8.{number // 250}.{number % 250}" for number in range(1000)],
        ["::ffff:8.8.8.8"],
    ],
)
def test_door__one_bad_answer_among_good_ones(answers: list[str], fence: Fence) -> None:
    with Door(deadline=2, resolver=lambda host, port: answers) as door:
        assert _refusal(door, parse("http://lms.example.com/")).sentence == REFUSED
    assert fence.hits == []


@pytest.mark.catalogue("S07")
def test_door__own_host_name(settings: Settings, fence: Fence) -> None:
    settings.PUBLIC_URL = "https://bridge.example.com"
    with Door(deadline=2, resolver=lambda host, port: ["8.8.8.8"]) as door:
        assert _refusal(door, parse("https://bridge.example.com/")).sentence == REFUSED
    assert fence.hits == []


@pytest.mark.catalogue("S07")
def test_door__own_address(monkeypatch: pytest.MonkeyPatch, fence: Fence) -> None:
    monkeypatch.setattr("integrations.connectors.http.addresses.is_public", lambda address: True)
    with Door(deadline=2, resolver=lambda host, port: ["127.0.0.1"]) as door:
        assert _refusal(door, parse("https://lms.example.com/")).sentence == REFUSED
    assert fence.hits == []


@pytest.mark.catalogue("S07")
def test_is_own__addresses_of_this_machine_and_of_others() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((OPEN, 9))
        own = ipaddress.ip_address(probe.getsockname()[0])
    assert (is_own(own), is_own(ipaddress.ip_address("8.8.8.8"))) == (True, False)


@pytest.mark.catalogue("S39")
def test_door__refused_address_tells_nothing_of_its_port(fence: Fence) -> None:
    with Sink("127.0.0.1") as sink, Door(deadline=2, resolver=lambda host, port: ["127.0.0.1"]) as door:
        urls = [f"https://lms.example.com:{port}/" for port in (sink.port, 443, 22, 1)]
        seen = {(refusal.sentence, refusal.phase) for refusal in (_refusal(door, parse(url)) for url in urls)}
    assert (seen, fence.hits) == ({(REFUSED, "address")}, [])
