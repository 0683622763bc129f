"""Workers are told by their names: whose machine, and no two alike."""

from __future__ import annotations

import pytest

from service.worker import names


def test_a_worker_of_this_machine_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "lab-a")
    name = names.new_name()
    assert names.is_of_this_machine(name)
    assert name != names.new_name()
    for host in ("lab", "lab-b", "lab-a-1", "other"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        assert not names.is_of_this_machine(name)
