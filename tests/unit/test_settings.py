"""What settings mean."""

from __future__ import annotations

import pytest

from stadtkern.settings import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.3.2.1", "::1", "[::1]"])
def test_addresses_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.example.org", "127.0.0.1.example.org", "0.0.0.0", "::", "10.0.0.1", "", "127.1"])
def test_what_may_be_reached_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
