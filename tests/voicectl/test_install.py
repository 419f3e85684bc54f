"""The installed package: `voicectl` works outside the checkout, and says what it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_LIMIT = 300  # seconds
_OFFLINE = re.compile(r"No matching distribution found|Could not find a version|ConnectionError")
# What `voicectl doctor` prints in an empty folder, without any configuration.
DOCTOR = """\
fail  stack: no stack is named: samconfig.toml in this folder has no stack_name. Run the command \
in your checkout, or name the stack with --stack. Without any account, run `make up` in a \
checkout, and pass --local.
fail  credentials: VONAGE_API_KEY is not set. Its value: API key, on the first page of the \
dashboard: https://dashboard.nexmo.com. Set it in .env or in the environment. Without any \
account, run `make up` in a checkout, and pass --local.
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the wheel, and with the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT],
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if built.returncode and _OFFLINE.search(built.stderr):
        pytest.skip("the package index, which has the build backend, cannot be reached")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel],
        capture_output=True,
        timeout=_LIMIT,
        check=True,
    )
    # Python reads no .pth file there, so that this adds only packages and not the checkout.
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(found) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def run(installed: Path, folder: Path, *words: str) -> tuple[int, str]:
    """Run the installed command in a folder without any configuration; return all output."""
    ran = subprocess.run(
        [installed / "voicectl", *words],
        cwd=folder,
        env={"PATH": f"{installed}:{os.environ['PATH']}", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    return ran.returncode, ran.stdout


def test_the_installed_command_shows_its_help(installed: Path, tmp_path: Path) -> None:
    status, shown = run(installed, tmp_path, "--help")
    assert status == 0
    assert shown.startswith("Usage: voicectl [OPTIONS] COMMAND [ARGS]...")
    assert "\nRecordings:\n  recordings  list the recordings of a call, and save them\n" in shown


def test_it_is_the_code_of_the_package(installed: Path, tmp_path: Path) -> None:
    code = "import voicectl, voicekit, records; print(voicectl.__file__, records.__file__)"
    ran = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert all(path.startswith(str(installed.parent)) for path in ran.stdout.split())


def test_doctor_without_any_configuration_names_the_next_steps(
    installed: Path, tmp_path: Path
) -> None:
    assert run(installed, tmp_path, "doctor") == (1, DOCTOR)


def test_local_outside_a_checkout_says_where_the_platform_runs(
    installed: Path, tmp_path: Path
) -> None:
    assert run(installed, tmp_path, "--local", "doctor") == (
        1,
        "error: no local platform is running in this folder. Run `make up` in a checkout, and this"
        " command in the same folder.\n",
    )


def test_the_module_runs_the_same_command(installed: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [installed / "python", "-m", "voicectl", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == run(installed, tmp_path, "--help")[1]


def test_the_ranges_of_the_package_allow_the_pinned_versions() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    needed = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    assert {one.name for one in needed} >= {"boto3", "click", "rich"}
    for one in needed:
        assert versions[canonicalize_name(one.name)] in one.specifier, one
