"""What others can reach is not served without a key."""

from __future__ import annotations

import pytest

from search.errors import InvalidInput
from service.api.guards.loopback import is_loopback, refuse_open_address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
def test_an_address_of_this_machine_alone_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    refuse_open_address(host, has_keys=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.7", "no-such-host.invalid"])
def test_any_other_needs_one(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InvalidInput, match="keys create NAME --scope write"):
        refuse_open_address(host, has_keys=False)
    refuse_open_address(host, has_keys=True)
