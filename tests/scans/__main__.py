"""``python -m tests.scans``, with the scanners' own Python: faults that others have learnt to find.

    checkov FILE      CloudFormation that leaves something open
    bandit FOLDER…    Python that lets something in
    secrets FILE…     keys and tokens
    audit FILE        packages with known vulnerabilities, where an index tells of them

Each ends with 0 where it finds nothing. What is let pass stands here, with its reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BIN = Path(sys.executable).parent
_LIMIT = 300  # seconds

CHECKOV_SKIPS = {
    "CKV_AWS_18": "access logs of a bucket need another bucket; CloudTrail tells who read what",
    "CKV_AWS_21": "a recording is written once, and what is to be forgotten must be gone",
    "CKV_AWS_27": "the queues are encrypted by SQS's own keys, which this check does not know",
    "CKV_AWS_115": "a new account has a limit of ten; docs/operate.md tells how to reserve some",
    "CKV_AWS_116": "the API and queues with dead-letter queues invoke; a lost beat is alarmed",
    "CKV_AWS_117": "they speak to public addresses alone; a VPC would add a NAT and silence",
    "CKV_AWS_119": "the table is encrypted with DynamoDB's key in the account's own KMS",
    "CKV_AWS_149": "the secrets are encrypted with the account's key; the roles say who reads",
    "CKV_AWS_158": "logs are encrypted by CloudWatch, and hold no number, token or body",
    "CKV_AWS_173": "the variables hold names and settings, no secret; Lambda encrypts them",
}
# Vulnerabilities that do not concern us, by identifier.
AUDIT_SKIPS: dict[str, str] = {}
# Tests are full of made-up keys that are called secrets, and of identifiers that look random. Keys
# of the kinds that services hand out are found there as well.
_GUESSES = (
    "KeywordDetector",
    "Base64HighEntropyString",
    "HexHighEntropyString",
    "BasicAuthDetector",
)
# What is found, and is none: the whole of it, so that nothing else on its line is let pass.
_NO_SECRETS = "|".join(
    [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",  # the alphabet of an encoding
        r"GetSecretValue(?:, secretsmanager:PutSecretValue\])?",  # the names of rights
        "(?:VONAGE|TO|SECOND)_[A-Z_]+",  # the name of a setting in the environment
    ]
)
# Filters of detect-secrets by which a real secret would pass: files by their names (pictures, but
# also styles and lock files), lines with a brace, a call, or a comment that says so.
_FILTERS = "detect_secrets.filters"
_FILTERS_OFF = (
    "heuristic.is_non_text_file",
    "heuristic.is_lock_file",
    "heuristic.is_swagger_file",
    "heuristic.is_templated_secret",
    "heuristic.is_indirect_reference",
    "allowlist.is_line_allowlisted",
)


def checkov(template: str) -> int:
    """Look at a CloudFormation template."""
    skips = ",".join(CHECKOV_SKIPS)
    options = ("--framework", "cloudformation", "--quiet", "--compact", "--skip-download")
    return _run("checkov", *options, "--skip-check", skips, "--file", template)


def bandit(*folders: str) -> int:
    """Look at Python code.

    ruff's rules S are bandit's own at every level, each exception with its reason beside it; this
    is bandit itself from the middle level on, for what ruff has not taken over.
    """
    return _run("bandit", "--quiet", "--severity-level", "medium", "--recursive", *folders)


def secrets(*files: str) -> int:
    """Look for secrets in files."""
    fewer = [part for name in _GUESSES for part in ("--disable-plugin", name)]
    with tempfile.TemporaryDirectory() as folder:
        binary = {file: _as_text(file, folder) for file in files if not _is_text(file)}
        tests = [file for file in files if "tests" in Path(file).parts and file not in binary]
        others = [file for file in files if file not in tests and file not in binary]
        found = [_secrets_in(others), _secrets_in([*tests, *binary.values()], *fewer)]
    return max(found)


def _is_text(file: str) -> bool:
    try:
        Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _as_text(file: str, folder: str) -> str:
    """Give a copy that detect-secrets can read, with a character for each byte."""
    copy = Path(folder) / file.lstrip("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(Path(file).read_text(encoding="latin-1"), encoding="utf-8")
    return str(copy)


def _secrets_in(files: Sequence[str], *options: str) -> int:
    let_pass = ("--exclude-secrets", f"^(?:{_NO_SECRETS})$")
    off = [part for name in _FILTERS_OFF for part in ("--disable-filter", f"{_FILTERS}.{name}")]
    command = ("detect-secrets-hook", "--no-verify", *let_pass, *off, *options)
    return _run(*command, *files) if files else 0


def audit(pins: str, *options: str) -> int:
    """Ask an index for known vulnerabilities of pinned packages; say so where none answers.

    Parameters
    ----------
    pins
        A file of exact versions.
    options
        More for pip-audit: another index.
    """
    skips = [part for name in AUDIT_SKIPS for part in ("--ignore-vuln", name)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        fixed = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "10")
        done = subprocess.run(
            [_BIN / "pip-audit", "-r", pins, "-f", "json", "-o", report, *fixed, *skips, *options],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )
        if not report.exists():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"SKIPPED: pip-audit, since no index answered ({reason[:200]})")
            return 0
        return _judge(json.loads(report.read_text())["dependencies"])


def _judge(packages: list[dict[str, Any]]) -> int:
    known = [one for one in packages if "skip_reason" not in one]
    for one in known:
        for vulnerability in one["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {fixed}")
    if not known:
        reason = packages[0]["skip_reason"] if packages else "there is no package"
        print(f"SKIPPED: pip-audit, since no index answered for any package ({reason})")
    elif len(known) < len(packages):
        print(f"pip-audit: no index answered for {len(packages) - len(known)} of {len(packages)}")
    return 1 if any(one["vulns"] for one in known) else 0


def _run(program: str, *arguments: str) -> int:
    command = [str(_BIN / program), *arguments]
    return subprocess.run(command, timeout=_LIMIT).returncode


def main() -> int:
    """Run one of them."""
    scans: dict[str, Callable[..., int]] = {
        "checkov": checkov,
        "bandit": bandit,
        "secrets": secrets,
        "audit": audit,
    }
    name, *arguments = sys.argv[1:] or [""]
    if name not in scans or not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return scans[name](*arguments)


if __name__ == "__main__":
    sys.exit(main())
