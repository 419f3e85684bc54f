"""Wheels with one module, for tests that install packages without an index."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PURE = "py3-none-any"
COMPILED = "cp313-cp313-manylinux_2_28_x86_64"


def make_wheel(folder: Path, name: str, tag: str = PURE) -> Path:
    """Write a wheel of the module ``name``, whose ``WORDS`` are "from NAME"; return its path."""
    path = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    contents = {
        f"{name}.py": f'WORDS = "from {name}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{one},,\n" for one in (*contents, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**contents, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return path
