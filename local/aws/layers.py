"""The folders of third-party packages that functions have on their path, as in Lambda.

A layer is installed once from its requirements and reused until they or Python change. What the
managed runtime itself brings, boto3, is linked from the platform's own environment.
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
    from collections.abc import Callable

OF_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_INSTALL_LIMIT = 600


class LayerError(Exception):
    """A layer could not be installed; the text ends with what pip said."""


def install(layer: Path, store: Path, say: Callable[[str], None]) -> Path:
    """Give the folder with a layer's packages, installing them where that has not been done yet.

    Parameters
    ----------
    layer
        The layer's source, such as layers/packages; its requirements.txt says what is in it.
    store
        Where installed layers are kept; several may install into it at once.
    say
        Told in one line before something is installed, which takes some seconds.

    Raises
    ------
    LayerError
        If pip fails.
    """
    requirements = layer / "requirements.txt"
    if not requirements.is_file():
        return layer / "python"
    place = f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode()
    digest = hashlib.sha256(requirements.read_bytes() + place).hexdigest()[:16]
    folder = store / f"{layer.name}-{digest}"
    if folder.is_dir():
        return folder
    say(f"installing the layer {layer.name} (once)")
    store.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=store))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    done = subprocess.run(  # noqa: S603 - our own requirements, no shell
        [sys.executable, *pip, "--requirement", str(requirements), "--target", str(unfinished)],
        capture_output=True,
        text=True,
        timeout=_INSTALL_LIMIT,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise LayerError(f"the layer {layer.name} could not be installed: {done.stderr.strip()}")
    try:
        unfinished.rename(folder)
    except OSError:  # another platform on this checkout was faster
        shutil.rmtree(unfinished, ignore_errors=True)
        if not folder.is_dir():
            raise
    return folder


def runtime(store: Path) -> Path:
    """Give a folder with what Lambda's runtime brings besides Python: boto3 and its needs."""
    folder = store / "runtime"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in OF_THE_RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise LayerError(f"{name} is not installed beside the platform")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder
