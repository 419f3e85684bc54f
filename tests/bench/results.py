"""Keeps what the benchmarks found, with the machine and the versions that it was found with."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.lambda_containers import ROOT

FILE = Path(__file__).with_name("results.json")
_VERSIONS = ("boto3", "cryptography", "moto", "pyjwt", "requests")


def save(name: str, result: dict[str, Any], file: Path = FILE) -> None:
    """Keep the result of one benchmark beside the others', if those are of the same machine."""
    found = {"machine": _machine(), "versions": _versions()}
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        kept = {}
    same = all(kept.get(part) == value for part, value in found.items())
    benchmarks = kept["benchmarks"] if same else {}
    taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    benchmarks[name] = {"taken": taken, "load": round(os.getloadavg()[0], 1), **result}
    text = json.dumps({**found, "benchmarks": benchmarks}, indent=2, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _versions() -> dict[str, str]:
    """Give those of this process, and the contenders' pins."""
    text = (ROOT / "constraints-bench.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if "==" in line)
    compared = {name: pins[name] for name in ("fastapi", "mangum", "vonage")}
    own = {name: version(name) for name in _VERSIONS}
    return {"python": platform.python_version(), **own, **compared}
