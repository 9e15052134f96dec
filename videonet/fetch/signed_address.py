"""Addresses that a store signs for some hours: what of them names the file, and what is signature.

A signature is taken off as a whole, or not at all. Other parameters, `key=` and `id=` among them,
name the video itself on many sites.
"""

from collections.abc import Callable, Set
from urllib.parse import unquote_plus

# Parameters of Azure's shared access signatures: those of services and accounts, and of the keys
# that users delegate (Microsoft's reference of the storage services).
_AZURE = frozenset(
    {"sig", "sv", "se", "st", "sp", "sr", "ss", "srt", "si", "spr", "sip", "ses", "sdd", "scid"}
    | {"skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid"}
)

_CLOUDFRONT = frozenset({"signature", "key-pair-id", "policy", "expires", "hash-algorithm"})
_AMAZON_2 = frozenset({"awsaccesskeyid", "signature", "expires", "x-amz-security-token"})
_GOOGLE_2 = frozenset({"googleaccessid", "signature", "expires"})


def unsigned(query: str) -> str:
    """A query, as it is written in an address, without the parameters of a signature.

    What is left keeps its order and spelling.
    """
    if "=" not in query:
        return query
    signature = signature_in(query)
    return "&".join(part for part in query.split("&") if name_of(part) not in signature)


def signature_in(query: str) -> frozenset[str]:
    """The names of those parameters of a query that are a signature's, as `name_of` has them."""
    names = frozenset(map(name_of, query.split("&")))
    return frozenset(filter(_signature(names), names))


def name_of(parameter: str) -> str:
    """The name of a parameter as it is compared: decoded, and in lower case."""
    return unquote_plus(parameter.partition("=")[0]).lower()


def _signature(names: Set[str]) -> Callable[[str], bool]:
    """Which parameters are a signature's, where all of these are there."""
    until = not names.isdisjoint({"policy", "expires"})
    limited = not names.isdisjoint({"se", "si"})
    whole = {
        _CLOUDFRONT: until and {"signature", "key-pair-id"} <= names,
        _AMAZON_2: {"awsaccesskeyid", "signature", "expires"} <= names,
        _GOOGLE_2: names >= _GOOGLE_2,
        _AZURE: limited and {"sig", "sv"} <= names,
    }
    own = frozenset().union(*(family for family, is_there in whole.items() if is_there))
    prefixes = tuple(
        prefix
        for prefix in ("x-amz-", "x-goog-")
        if {f"{prefix}signature", f"{prefix}credential"} <= names
    )
    return lambda name: name in own or name.startswith(prefixes)
