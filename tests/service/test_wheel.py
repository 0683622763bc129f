"""A wheel holds all that runs, and runs in a folder with packages of the same names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.service.processes import served, until

ROOT = Path(__file__).parents[2]
PACKAGES = ("search", "storage", "service")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since building leaves files in the source's folder."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", "dist", "."]
    subprocess.run(command, cwd=source, check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `activation-search` of an environment with the wheel in it.

    Everything that the wheel depends on comes from the environment of the tests.
    """
    root = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python")]
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True)
    (packages,) = (root / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return root / "bin" / "activation-search"


def test_the_wheel_holds_every_module_and_the_data_beside_them(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert len(modules) > 100
    assert modules <= held
    data = {f"{package}/py.typed" for package in PACKAGES}
    assert data | {"service/api/examples.json", "storage/migrations/script.py.mako"} <= held


def test_server_worker_and_trainers_start_beside_packages_of_the_same_names(
    installed: Path, tmp_path: Path
) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        code = f"open({str(tmp_path / 'imported')!r}, 'w')\nraise ImportError('a decoy')\n"
        (tmp_path / package / "__init__.py").write_text(code)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["ACTIVATION_SEARCH_PROCESSES"] = "1"
    with served(
        tmp_path / "data", program=[str(installed)], folder=tmp_path, environment=environment
    ) as server:
        worker = server.worker()
        # A trainer imports torch with the project's own modules.
        until(
            lambda: any(
                "libtorch" in mapped.path
                for trainer in worker.children()
                for mapped in trainer.memory_maps()
            )
        )
        assert server.worker() == worker  # it was not started again
        server.kill()
    assert not (tmp_path / "imported").exists()
