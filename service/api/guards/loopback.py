"""Which addresses only this machine can reach."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from search.errors import InvalidInput


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host`, a name or an address, is for this machine alone.

    A name counts as loopback where all of its addresses do; one that is not known does not.
    """
    try:
        # Empty means all addresses.
        found = socket.getaddrinfo(host or "0.0.0.0", None)  # noqa: S104 # nosec B104
    except OSError:
        return False
    addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
    return all(ip_address(address).is_loopback for address in addresses)


def refuse_open_address(host: str, *, has_keys: bool) -> None:
    """Raise InvalidInput where others could reach the server and no key would be asked of them."""
    if has_keys or is_loopback(host):
        return
    raise InvalidInput(
        f"other machines can reach the address '{host}', and there is no key yet, so that anyone "
        "could read and change everything; create one by `activation-search keys create NAME "
        "--scope write` for the same database, or listen on 127.0.0.1"
    )
