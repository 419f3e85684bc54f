"""The layers: folders of third-party packages on a function's module search path.

A layer is installed once from its requirements, and again if they or Python change. So are the
packages of the flows, which the build puts next to the functions' code. The packages of Lambda's
managed runtime, such as boto3, are linked from the platform's own environment.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OF_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
# The options of functions/Makefile for the packages of flows.
PURE_PYTHON = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none")
_INSTALL_LIMIT = 600
_HINT = """
If pip finds no version of a package, it is compiled or does not exist.
See docs/flows.md#packages."""


class LayerError(Exception):
    """A layer cannot be installed; the message ends with pip's."""


def install(
    layer: Path,
    store: Path,
    say: Callable[[str], None],
    options: Sequence[str] = ("--no-deps",),
) -> Path:
    """Return the folder with a layer's packages, after installing them if necessary.

    Parameters
    ----------
    layer
        The layer's source, such as layers/packages, with a requirements.txt.
    store
        The folder of installed layers; several platforms may install into it at the same time.
    say
        Called with a line of text before an installation, which takes some seconds.
    options
        Options of pip.

    Raises
    ------
    LayerError
        If pip fails.
    """
    requirements = layer / "requirements.txt"
    if not requirements.is_file() or not _has_packages(requirements):
        return layer / "python"
    target = f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode()
    digest = hashlib.sha256(requirements.read_bytes() + target).hexdigest()[:16]
    folder = store / f"{layer.name}-{digest}"
    if folder.is_dir():
        return folder
    say(f"installing the packages that {'/'.join(requirements.parts[-3:])} lists (once)")
    store.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=store))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options)
    finished = subprocess.run(  # noqa: S603 - our own requirements, no shell
        [sys.executable, *pip, "--requirement", str(requirements), "--target", str(unfinished)],
        capture_output=True,
        text=True,
        timeout=_INSTALL_LIMIT,
        check=False,
    )
    if finished.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        hint = _HINT if options == PURE_PYTHON else ""
        raise LayerError(f"cannot install {requirements}: {finished.stderr.strip()}{hint}")
    try:
        unfinished.rename(folder)
    except OSError:  # another platform of this checkout has just installed it
        shutil.rmtree(unfinished, ignore_errors=True)
        if not folder.is_dir():
            raise
    return folder


def _has_packages(requirements: Path) -> bool:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return any(line.strip() and not line.strip().startswith("#") for line in lines)


def runtime(store: Path) -> Path:
    """Return a folder with the packages of Lambda's runtime: boto3 and its dependencies."""
    folder = store / "runtime"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in OF_THE_RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise LayerError(f"{name} is not installed. Run `make install`.")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder
