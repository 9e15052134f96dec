"""Where a request may go: to the public web, and to what `--allow-private-hosts` names.

A page or a redirection may name any address, also one that only this machine or its network can
reach: a router, a database, the service where a cloud's machines get their credentials.
"""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from videonet.errors import UsageError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_EVERYTHING = "all"

# Where the machines of clouds get their credentials and their settings, as the clouds' manuals say.
_METADATA = frozenset(
    ipaddress.ip_address(each)
    for each in (
        # Amazon, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack and many others
        "169.254.169.254",
        *("fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"),  # Amazon
        "fd20:ce::254",  # Google
        "168.63.129.16",  # Azure; an address of the public web by its number
        "100.100.100.200",  # Alibaba
        "169.254.0.23",  # Tencent
        "100.96.0.96",  # Volcengine
        *("192.0.0.192", "fd00:c1::a9fe:a9fe"),  # Oracle
        *("169.254.42.42", "fd00:42::42"),  # Scaleway
        "fd00:a9fe:a9fe::1",  # Akamai
        "fe80::a9fe:a9fe",  # OpenStack
    )
)
_METADATA_NAMES = frozenset(
    {
        *("metadata.google.internal", "metadata.goog", "metadata.tencentyun.com"),
        *("instance-data", "instance-data.ec2.internal", "metadata.azure.internal"),
        "metadata.platformequinix.com",
    }
)

# Names that only a network of its own gives to machines (RFC 2606, 6761, 6762, 8375; ICANN reserved
# the second).
_LOCAL_SUFFIXES = (
    *(".local", ".internal", ".localhost", ".localdomain", ".home.arpa", ".lan", ".home"),
    *(".corp", ".intranet", ".private"),
)

# IPv6 addresses of the public web (RFC 4291, section 2.4), and those among them that are for books
# (RFC 9637), which older versions of `ipaddress` do not know.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")
# Those that stand for IPv4 addresses: by translators (RFC 6052, 8215), tunnels (RFC 3056), and the
# earliest way to write them (RFC 4291, section 2.5.5.1).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED_LOCALLY = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")

# A name in the domain name system, or in a file of hosts.
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)


@dataclass(frozen=True)
class AllowedHosts:
    """The public web, and of all else the hosts of these names and the addresses in these networks.

    What gives a cloud's machines their credentials is never allowed.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[IPNetwork, ...] = ()
    everything: bool = False

    def refusal(self, host: str, addresses: Iterable[str]) -> str | None:
        """Why `host`, which has these addresses, must not be asked; None if it may be.

        One address that is not allowed is enough. Without an address, where a proxy looks the name
        up, what the name alone tells is looked at.
        """
        name = _as_name(host)
        if name in _METADATA_NAMES:
            return f"{name} gives out what a cloud's machines know of themselves"
        literal = _literal(name)
        found = [ipaddress.ip_address(each.partition("%")[0]) for each in addresses]
        if literal is not None:
            found.append(literal)
        for each in found:
            shown = name if str(each) == name else f"{name} is {each}, which"
            if any(address in _METADATA for address in _meanings(each)):
                return f"{shown} gives out what a cloud's machines know of themselves"
            if not (is_public(each) or self._allows(name, each)):
                return f"{shown} is no address of the public web"
        if not found and _is_local(name) and not self._allows(name, None):
            return f"{name} is no name of the public web"
        return None

    def _allows(self, name: str, address: IPAddress | None) -> bool:
        if self.everything or name in self.names:
            return True
        if address is None:
            return False
        return any(each in network for each in _meanings(address) for network in self.networks)


# What is allowed where nothing is asked for.
PUBLIC_WEB = AllowedHosts()


def allowed_hosts(given: Sequence[str]) -> AllowedHosts:
    """What `--allow-private-hosts` names: host names, addresses, networks, or "all".

    Raises UsageError for what is none of these.
    """
    names: set[str] = set()
    networks: list[IPNetwork] = []
    for text in given:
        name = _as_name(text)
        try:
            networks.append(ipaddress.ip_network(name))
        except ValueError:
            if not _is_name(name):
                raise UsageError(
                    "--allow-private-hosts takes names of hosts, addresses, networks such as "
                    f"10.2.0.0/16, or all, and not {text!r}{_meant(name)}."
                ) from None
            names.add(name)
    return AllowedHosts(
        frozenset(names - {_EVERYTHING}), tuple(networks), everything=_EVERYTHING in names
    )


def is_address(host: str) -> bool:
    """Whether a host is an address, however that is written, and no name."""
    return _literal(_as_name(host)) is not None


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public web, or stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    stands_for = _stands_for(address)
    if stands_for is not None:
        return is_public(stands_for)
    return address.is_global and address in _GLOBAL_UNICAST and address not in _DOCUMENTATION


def _stands_for(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that is asked in place of an IPv6 address, wherever that is done alike."""
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _meanings(address: IPAddress) -> Iterator[IPAddress]:
    """An address, and all that may be asked in place of it."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    stands_for = _stands_for(address)
    if stands_for is not None:
        yield stands_for
    if address in _COMPATIBLE or address in _TRANSLATED_LOCALLY:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _TRANSLATED_LOCALLY:
        # With a shorter prefix, the number stands further in front, and goes around byte 8.
        packed = address.packed
        for begin in (6, 7, 8):
            yield ipaddress.IPv4Address((packed[begin:8] + packed[9:])[:4])
    if address.teredo is not None:
        yield from address.teredo


def _as_name(host: str) -> str:
    """A host as it is compared: however it was written, as the system would look it up."""
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").strip().lower()
    name = plain.strip("[]").partition("%")[0].rstrip(".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _literal(name: str) -> IPAddress | None:
    """The address that a host is, in each way of writing one that the system knows."""
    try:
        # Numbers alone: nothing is looked up.
        found = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        # no number, or nothing that could be looked up
        return None
    return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])


def _meant(name: str) -> str:
    """What was perhaps meant: a network by its first address, or a host without scheme and port."""
    try:
        return f"; {ipaddress.ip_network(name, strict=False)} would be such a network"
    except ValueError:
        host = re.sub(r"\A\w+://|[:/].*", "", name)
        return f"; write {host}" if host != name and _is_name(host) else ""


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and not text.rpartition(".")[2].isdigit()


def _is_local(name: str) -> bool:
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)
