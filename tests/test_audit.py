"""The audit of dependencies notices what it is for."""

from __future__ import annotations

from tests.audit import CONSTRAINTS, installed, pinned, strays, told, vulnerable

REPORT = {
    "dependencies": [
        {"name": "a", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
}


def test_a_vulnerability_is_named_with_its_cure() -> None:
    assert vulnerable(REPORT) == ["a 1.0 has CVE-1; it is mended in 1.1"]


def test_what_could_not_be_audited_is_not_passed_over() -> None:
    assert told(REPORT) == "2 of 3 pinned packages were audited"
    assert "nothing was audited" in told({"dependencies": REPORT["dependencies"][2:]})
    assert "nothing was audited" in told({"dependencies": []})


def test_another_version_than_is_pinned_is_a_stray() -> None:
    found = installed(
        {
            "components": [
                {"name": "NumPy", "version": "2.1"},
                {"name": "torch", "version": "2.9.0+cpu"},
                {"name": "typing_extensions", "version": "4.13"},
            ]
        }
    )
    lines = "numpy==2.0\ntorch==2.9.0\ntyping-extensions==4.13\nother==1\n"
    (stray,) = strays(found, pinned(lines))
    assert stray.startswith("numpy 2.1 is installed, and constraints.txt says 2.0; ")


def test_every_constraint_is_read() -> None:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if "==" in line]
    assert len(pinned("\n".join(lines))) == len(lines)
