"""``python -m tests.scans``: run a scanner. Use the Python of .venv-scan.

    checkov FILE      insecure settings in a CloudFormation template
    bandit FOLDER…    insecure Python code
    secrets FILE…     keys and tokens in files
    audit FILE        pinned packages with known vulnerabilities, if an index responds
    policy FILE       actions of an IAM policy that do not exist, or cannot be limited as it says

The exit status is 0 if nothing is found. Accepted findings are listed here with their reasons.
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
    "CKV_AWS_18": "access logs need another bucket; CloudTrail records who read what",
    "CKV_AWS_21": "a recording is written once, and deleted data must be gone",
    "CKV_AWS_27": "the queues use SQS-managed keys, which this check does not recognize",
    "CKV_AWS_115": "a new account has a limit of ten; docs/operate.md explains how to reserve some",
    "CKV_AWS_116": "the API and queues with dead-letter queues invoke; the heartbeat has an alarm",
    "CKV_AWS_117": "they call public endpoints only; a VPC would add a NAT and latency",
    "CKV_AWS_119": "the table uses the AWS managed KMS key for DynamoDB",
    "CKV_AWS_149": "the secrets use the AWS managed key; IAM roles control who reads them",
    "CKV_AWS_158": "CloudWatch encrypts logs, and they contain no full number, token, or body",
    "CKV_AWS_173": "the variables are names and settings, not secrets; Lambda encrypts them",
}
# Accepted vulnerabilities by id, with the reason.
AUDIT_SKIPS: dict[str, str] = {}
# Off for tests, which are full of made-up secrets and random ids. The formats of known services are
# found there too.
_HEURISTIC_PLUGINS = (
    "KeywordDetector",
    "Base64HighEntropyString",
    "HexHighEntropyString",
    "BasicAuthDetector",
)
# Findings that are not secrets. Each pattern must match a whole finding, not its line.
_NOT_SECRETS = "|".join(
    [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",  # base32 alphabet
        r"GetSecretValue(?:, secretsmanager:PutSecretValue\])?",  # IAM actions
        "(?:VONAGE|TO|SECOND)_[A-Z_]+",  # environment variables
        "(?:X-U|u)nused",  # a header that Slack ignores
    ]
)
# Filters of detect-secrets that would hide a real secret: by file name (images, stylesheets, lock
# files), and lines with a brace, a call, or an allowlist comment.
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
    """Scan a CloudFormation template."""
    skips = ",".join(CHECKOV_SKIPS)
    options = ("--framework", "cloudformation", "--quiet", "--compact", "--skip-download")
    return _run("checkov", *options, "--skip-check", skips, "--file", template)


def bandit(*folders: str) -> int:
    """Scan Python code.

    ruff's S rules are bandit's rules at every level, with a reason next to each exception. This
    runs bandit itself from medium severity on, for rules that ruff lacks.
    """
    return _run("bandit", "--quiet", "--severity-level", "medium", "--recursive", *folders)


def secrets(*files: str) -> int:
    """Scan files for secrets."""
    known_formats = [part for name in _HEURISTIC_PLUGINS for part in ("--disable-plugin", name)]
    with tempfile.TemporaryDirectory() as folder:
        binary = {file: _as_text(file, folder) for file in files if not _is_text(file)}
        tests = [file for file in files if "tests" in Path(file).parts and file not in binary]
        others = [file for file in files if file not in tests and file not in binary]
        found = [_secrets_in(others), _secrets_in([*tests, *binary.values()], *known_formats)]
    return max(found)


def _is_text(file: str) -> bool:
    try:
        Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _as_text(file: str, folder: str) -> str:
    """Return a copy that detect-secrets can read, with one character per byte."""
    copy = Path(folder) / file.lstrip("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(Path(file).read_text(encoding="latin-1"), encoding="utf-8")
    return str(copy)


def _secrets_in(files: Sequence[str], *options: str) -> int:
    exclude = ("--exclude-secrets", f"^(?:{_NOT_SECRETS})$")
    off = [part for name in _FILTERS_OFF for part in ("--disable-filter", f"{_FILTERS}.{name}")]
    command = ("detect-secrets-hook", "--no-verify", *exclude, *off, *options)
    return _run(*command, *files) if files else 0


def audit(pins: str, *options: str) -> int:
    """Look up known vulnerabilities of pinned packages. Print a notice if no index responds.

    Parameters
    ----------
    pins
        A file with exact versions.
    options
        More options of pip-audit, such as another index.
    """
    skips = [part for name in AUDIT_SKIPS for part in ("--ignore-vuln", name)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        common = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "10")
        done = subprocess.run(
            [_BIN / "pip-audit", "-r", pins, "-f", "json", "-o", report, *common, *skips, *options],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )
        if not report.exists():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"SKIPPED: pip-audit (no index responded: {reason[:200]})")
            return 0
        return _report(json.loads(report.read_text())["dependencies"])


def _report(packages: list[dict[str, Any]]) -> int:
    known = [one for one in packages if "skip_reason" not in one]
    for one in known:
        for vulnerability in one["vulns"]:
            versions = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {versions}")
    if not known:
        reason = packages[0]["skip_reason"] if packages else "there are no packages"
        print(f"SKIPPED: pip-audit (no index responded for any package: {reason})")
    elif len(known) < len(packages):
        skipped = len(packages) - len(known)
        print(f"pip-audit: no index responded for {skipped} of {len(packages)} packages")
    return 1 if any(one["vulns"] for one in known) else 0


def policy(file: str) -> int:
    """Check that IAM knows each action, and that it acts on a resource of its statement."""
    from policy_sentry.querying.actions import get_action_data

    faults = []
    for statement in json.loads(Path(file).read_text(encoding="utf-8"))["Statement"]:
        resources = statement["Resource"]
        resources = [resources] if isinstance(resources, str) else resources
        for action in statement["Action"]:
            known = get_action_data(*action.split(":"))
            if not known:
                faults.append(f"{action}: not an action")
            elif resources != ["*"] and not any(
                resource.startswith(_literal_start(one["resource_arn_format"]))
                for one in known[action.split(":")[0]]
                for resource in resources
            ):
                faults.append(f"{action}: cannot be limited to {', '.join(resources)}")
    print("\n".join(faults) or f"{file}: every action exists and fits its resources")
    return int(bool(faults))


def _literal_start(arn_format: str) -> str:
    """Return what an ARN begins with, such as ``arn:aws:iam::*:role/``."""
    for variable, value in {"Partition": "aws", "Region": "*", "Account": "*"}.items():
        arn_format = arn_format.replace(f"${{{variable}}}", value)
    return arn_format.partition("${")[0]


def _run(program: str, *arguments: str) -> int:
    # With the interpreter, because a #! line cannot name one in a folder with blanks.
    command = [sys.executable, str(_BIN / program), *arguments]
    return subprocess.run(command, timeout=_LIMIT).returncode


def main() -> int:
    """Run the scan named on the command line; return the exit status."""
    scans: dict[str, Callable[..., int]] = {
        "checkov": checkov,
        "bandit": bandit,
        "secrets": secrets,
        "audit": audit,
        "policy": policy,
    }
    name, *arguments = sys.argv[1:] or [""]
    if name not in scans or not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return scans[name](*arguments)


if __name__ == "__main__":
    sys.exit(main())
