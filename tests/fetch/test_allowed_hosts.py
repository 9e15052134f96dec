"""videonet.fetch.allowed_hosts: which addresses are on the public web, however they are written."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.fetch.allowed_hosts import PUBLIC_WEB, allowed_hosts

METADATA = [
    *("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "fd20:ce::254"),
    *("169.254.170.2", "192.0.0.192", "fe80::a9fe:a9fe", "metadata.google.internal"),
    *("METADATA.google.internal.", "::ffff:169.254.169.254", "::169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"),
    *("2002:a9fe:a9fe::1", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518"),
    "2001:0:a9fe:a9fe::",
]


def is_public(address: IPv4Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def widened(text: str) -> str:
    """With the digits of another script, as browsers take them."""
    return text.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})


@st.composite
def spelled(draw: st.DrawFn, addresses: st.SearchStrategy[IPv4Address]) -> tuple[IPv4Address, str]:
    """An address, and one way to write it, or what stands for it."""
    address = draw(addresses)
    number, parts = int(address), address.packed
    written = [
        str(address),
        f"{address}.",
        widened(str(address)),
        str(address).replace(".", "\u3002"),
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(map(hex, parts)),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        f"::ffff:{address}",
        f"[::ffff:{address}]",
        str(IPv6Address((0x64FF9B << 96) | number)),
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
        f"[64:FF9B::{parts[0]:02x}{parts[1]:02x}:{parts[2]:02x}{parts[3]:02x}]",
    ]
    return address, draw(st.sampled_from(written))


V4 = st.ip_addresses(v=4)


@given(spelled(V4.filter(lambda each: not is_public(each))))
def test_what_is_not_on_the_public_web_is_refused_however_it_is_written(each):
    address, written = each
    assert PUBLIC_WEB.refusal(written, []), address
    # And as the answer to a look-up.
    assert PUBLIC_WEB.refusal("a.example", [str(address)])


@given(spelled(V4.filter(is_public)))
def test_what_is_on_the_public_web_is_asked_however_it_is_written(each):
    address, written = each
    assume(str(address) not in METADATA)
    assert PUBLIC_WEB.refusal(written, []) is None
    assert PUBLIC_WEB.refusal("a.example", [str(address)]) is None


@given(st.ip_addresses(v=6).filter(lambda each: not each.is_global), st.sampled_from(["", "%eth0"]))
def test_what_is_not_on_the_public_web_of_ipv6_is_refused(address, zone):
    # Other rules have what stands for an address of IPv4.
    assume(address.ipv4_mapped is None)
    assert PUBLIC_WEB.refusal(f"[{address}{zone}]", [])
    assert PUBLIC_WEB.refusal("a.example", [f"{address}{zone}"])


@given(st.ip_addresses(v=6, network="2a00::/12"))
def test_what_is_on_the_public_web_of_ipv6_is_asked(address):
    assert PUBLIC_WEB.refusal(f"[{address}]", []) is None


@pytest.mark.parametrize(
    "address",
    [
        *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "ff02::1", "4000::1", "3fff::1"),
        *("2001:db8::1", "64:ff9b:1::808:808", "::8.8.8.8", "100::1", "2001::1"),
        *("0.0.0.0", "0", "127.0.0.53", "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "192.168.0.1", "172.31.255.255"),
    ],
)
def test_ranges_for_other_purposes_are_refused(address):
    assert PUBLIC_WEB.refusal(address, [])


def test_one_address_that_is_not_public_is_enough():
    assert PUBLIC_WEB.refusal("a.example", ["8.8.8.8"]) is None
    said = PUBLIC_WEB.refusal("a.example", ["8.8.8.8", "10.0.0.1"])
    assert said == "a.example is 10.0.0.1, which is no address of the public web"


@pytest.mark.parametrize("host", METADATA)
def test_nothing_opens_what_gives_a_clouds_machines_their_credentials(host):
    everything = allowed_hosts(["all", "169.254.0.0/16", "::/0", "metadata.google.internal"])
    for allowed in (PUBLIC_WEB, everything):
        assert "a cloud's machines" in allowed.refusal(host, [])
        if "metadata" not in host.lower() and host.count(":") > 1:
            assert "a cloud's machines" in allowed.refusal("a.example", [host])


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "printer", "nas.local", "a.internal"),
        *("router.home.arpa", "a.lan", widened("nas1.local"), ""),
    ],
)
def test_names_that_a_network_of_its_own_gives_are_refused_without_an_address(host):
    # Where a proxy looks the name up, there is none.
    assert PUBLIC_WEB.refusal(host, [])


@pytest.mark.parametrize("host", ["example.org", "internal.example.org", "xn--bcher-kva.example"])
def test_other_names_are_left_to_a_proxy(host):
    assert PUBLIC_WEB.refusal(host, []) is None


def test_names_and_networks_open_what_they_name_and_no_more():
    allowed = allowed_hosts(["Media.Lab.", "10.2.0.0/16", "fd12::/32", "192.168.7.7", "bücher.lab"])
    for host, addresses in [
        ("media.lab", ["10.9.0.1"]),
        ("MEDIA.lab.", []),
        ("xn--bcher-kva.lab", ["10.9.0.1"]),
        ("other.lab", ["10.2.3.4"]),
        ("0x0a020304", []),
        ("[::ffff:10.2.3.4]", []),
        ("[fd12::1]", []),
        ("192.168.7.7", []),
        ("example.org", ["8.8.8.8"]),
    ]:
        assert allowed.refusal(host, addresses) is None, host
    for host, addresses in [
        ("a.media.lab", ["10.9.0.1"]),
        ("10.9.0.1", []),
        ("10.3.0.1", []),
        ("other.lab", ["10.2.3.4", "127.0.0.1"]),
        ("192.168.7.8", []),
        ("[fd13::1]", []),
        ("localhost", ["127.0.0.1"]),
    ]:
        assert allowed.refusal(host, addresses), host


def test_all_opens_everything_else():
    allowed = allowed_hosts(["all"])
    for host in ("127.0.0.1", "printer", "[::1]", "10.0.0.1", "224.0.0.1"):
        assert allowed.refusal(host, []) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10.2.0.1/16", "; 10.2.0.0/16 would be such a network"),
        ("10.2.0.0/33", ""),
        ("10.2.0.300", ""),
        ("http://media.lab/", "; write media.lab"),
        ("media.lab:8080", "; write media.lab"),
        ("*.lab", ""),
        ("-a.lab", ""),
        ("two words", ""),
        ("256", ""),
    ],
)
def test_what_is_neither_a_name_nor_a_network_is_refused_with_what_to_write(text, hint):
    with pytest.raises(UsageError) as caught:
        allowed_hosts(["media.lab", text])
    said = str(caught.value)
    assert said.startswith("--allow-private-hosts takes names of hosts, addresses, networks such")
    assert said.endswith(f"and not {text!r}{hint}.")


@given(st.lists(st.text(max_size=30), max_size=3), st.text(max_size=30))
def test_no_text_leads_to_another_error(texts, host):
    with suppress(UsageError):
        allowed_hosts(texts).refusal(host, [])
