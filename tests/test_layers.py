"""Arrows between the packages run one way, and the API process never imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"search", "storage", "service"}
#: What storage may know of the science: plain values.
PLAIN = {"search.study", "search.errors"}
FORBIDDEN = {
    "search": {"storage", "service", "sqlalchemy", "fastapi", "starlette", "httpx2"},
    "storage": {"service", "torch", "fastapi", "starlette", "httpx2"},
    "service": set(),
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(str(node.module))
    return names


def modules() -> list[Path]:
    found = [path for package in sorted(PACKAGES) for path in (ROOT / package).rglob("*.py")]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    names = imported(path)
    assert not {name for name in names if name.split(".")[0] in FORBIDDEN[package]}
    if package == "storage":
        assert {name for name in names if name.startswith("search")} <= PLAIN


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_the_api_does_not_import_torch() -> None:
    code = "import sys, service.api.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_processes_do_not_load_what_only_prepares_their_data() -> None:
    heavy = ("sklearn", "pandas", "sqlalchemy", "fastapi")
    loaded = f"[m for m in {heavy!r} if m in sys.modules]"
    code = f"import search.training.executors, sys; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
