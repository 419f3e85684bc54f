"""Write benchmark results to results.json, with the machine and the versions."""

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
    """Add the result of one benchmark. Drop results from another machine or other versions."""
    current = {"machine": _machine(), "versions": _versions()}
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        saved = {}
    same = all(saved.get(part) == value for part, value in current.items())
    benchmarks = saved["benchmarks"] if same else {}
    taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    benchmarks[name] = {"taken": taken, "load": round(os.getloadavg()[0], 1), **result}
    text = json.dumps({**current, "benchmarks": benchmarks}, indent=2, sort_keys=True)
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
    """Return the versions of this process and of the compared packages."""
    text = (ROOT / "constraints-bench.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if "==" in line)
    compared = {name: pins[name] for name in ("fastapi", "mangum", "vonage")}
    installed = {name: version(name) for name in _VERSIONS}
    return {"python": platform.python_version(), **installed, **compared}
