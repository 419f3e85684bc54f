"""The compared implementations: our deployed answer function, and others that do the same work."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.lambda_containers import ARCHITECTURE, ROOT, SAM_VENV, Package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORE = ROOT / ".local" / "bench"
_HANDLERS = ROOT / "tests" / "bench" / "handlers"
_PROCESSOR = "aarch64" if ARCHITECTURE == "arm64" else "x86_64"


class Baseline(NamedTuple):
    """One of the compared implementations."""

    name: str
    title: str
    package: Package


def baselines(report_progress: Callable[[str], None]) -> list[Baseline]:
    """Build and package all implementations: the empty handler first, ours second.

    The others have no bytecode, like packages from `sam build`. The last one adds bytecode to the
    one before, which shows the effect of bytecode.
    """
    report_progress("building ours (sam build)")
    built = ROOT / ".aws-sam" / "build"
    _run(str(SAM_VENV / "bin/sam"), "build")
    ours = Package("answer.app.handler", built / "AnswerFunction")
    with_boto3 = _packaged("boto3_powertools", report_progress)
    with_sdk = _packaged("fastapi_sdk", report_progress)
    return [
        Baseline("empty", "an empty handler", Package("app.handler", _HANDLERS / "empty")),
        Baseline("ours", "this application", ours),
        Baseline(
            "boto3_powertools", "PyJWT, boto3, Powertools", Package("app.handler", with_boto3)
        ),
        Baseline("fastapi", "FastAPI, Mangum, Vonage's SDK", Package("app.handler", with_sdk)),
        Baseline(
            "fastapi_compiled",
            "the same with compiled bytecode",
            Package("app.handler", _compiled(with_sdk)),
        ),
    ]


def runtime_packages(report_progress: Callable[[str], None]) -> Path:
    """Return a folder with the runtime image's packages, compiled like there."""
    return _compiled(_installed("bench-runtime", report_progress))


def _packaged(name: str, report_progress: Callable[[str], None]) -> Path:
    """Return a folder with a handler and the packages of its dependency group."""
    folder = _installed(f"bench-{name.replace('_', '-')}", report_progress)
    shutil.copy(_HANDLERS / name / "app.py", folder)
    return folder


def _installed(group: str, report_progress: Callable[[str], None]) -> Path:
    """Install a dependency group of pyproject.toml for Lambda, once per set of pins."""
    pins = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints-bench.txt")]
    folder = STORE / f"{group}-{hashlib.sha256(b''.join(pins)).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    report_progress(f"installing {group} (once)")
    unfinished = STORE / f"{group}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _run(
        *(str(SAM_VENV / "bin/python"), "-m", "pip", "install", "--quiet"),
        *("--disable-pip-version-check", "--no-compile", "--only-binary=:all:"),
        *("--implementation", "cp", "--python-version", "3.13"),
        *(
            "--platform",
            f"manylinux2014_{_PROCESSOR}",
            "--platform",
            f"manylinux_2_28_{_PROCESSOR}",
        ),
        *("--group", group, "--constraint", "constraints-bench.txt", "--target", str(unfinished)),
    )
    return unfinished.rename(folder)


def _compiled(folder: Path) -> Path:
    """Return a copy of a folder with bytecode that is never compared with its source."""
    copy = folder.with_name(f"{folder.name}-compiled")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    python = str(SAM_VENV / "bin/python")
    _run(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(copy))
    return copy


def _run(*command: str) -> None:
    """Run a command without an AWS account.

    Raises
    ------
    RuntimeError
        If it fails, with its output.
    """
    path = os.pathsep.join([str(SAM_VENV / "bin"), os.environ.get("PATH", os.defpath)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={
            **inherited,
            "PATH": path,
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "eu-west-2",
        },
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed:\n{done.stdout}{done.stderr}")
