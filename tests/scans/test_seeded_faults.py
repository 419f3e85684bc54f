"""Each scanner of `make lint` finds a seeded fault, and passes without it."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.scans.__main__ import CHECKOV_SKIPS
from tests.support.vulnerability_index import vulnerability_index
from tests.template.golden import of_production, transformed

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-scan" / "bin" / "python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the scanners are not installed; run make lint"
)


def scan(*arguments: str | Path) -> tuple[int, str]:
    """Run a scan; return its exit status and output."""
    done = subprocess.run(
        [PYTHON, "-m", "tests.scans", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def makefile_command(name: str) -> str:
    """Return the command line with which `make lint` runs a scan."""
    commands = subprocess.run(
        ["make", "-n", "scan"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    *_, line = [one for one in commands.splitlines() if f"-m tests.scans {name}" in one]
    return line.replace(".venv-scan/bin/python", str(PYTHON))


def run_makefile_command(name: str, folder: Path) -> tuple[int, str]:
    """Run a scan as `make lint` does, in another folder; return its exit status and output."""
    script = f"cd {folder} && export PYTHONPATH={ROOT} && {makefile_command(name)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


# The policy of the person who deploys


def test_the_policy_has_actions_that_exist_and_fit_their_resources() -> None:
    assert scan("policy", ROOT / "docs/examples/deployer_policy.json")[0] == 0
    assert "docs/examples/deployer_policy.json" in makefile_command("policy")


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("lambda:PublishFunction", "lambda:PublishFunction: not an action"),
        ("lambda:ListFunctions", "lambda:ListFunctions: cannot be limited to"),
        ("sqs:CreateQueue", "sqs:CreateQueue: cannot be limited to"),
    ],
)
def test_the_policy_scan_finds_an_unknown_action_and_a_limit_without_effect(
    tmp_path: Path, action: str, fault: str
) -> None:
    statement = {"Action": [action], "Resource": "arn:aws:lambda:*:*:function:voice-*"}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"Statement": [statement]}))
    status, output = scan("policy", file)
    assert status == 1
    assert fault in output


# checkov and cfn-lint


def bucket_template(folder: Path, **properties: Any) -> Path:
    """Write a template with a private bucket that has the given properties."""
    private = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"PublicAccessBlockConfiguration": private} | properties,
    }
    path = folder / "template.json"
    path.write_text(json.dumps({"Resources": {"Bucket": bucket}}))
    return path


def test_checkov_finds_a_public_bucket(tmp_path: Path) -> None:
    assert scan("checkov", bucket_template(tmp_path))[0] == 0
    status, output = scan("checkov", bucket_template(tmp_path, AccessControl="PublicRead"))
    assert status == 1
    assert "CKV_AWS_20" in output


def test_checkov_skips_exactly_the_checks_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(of_production(transformed()))
    options = ("--framework", "cloudformation", "--skip-download", "-o", "json", "--file")
    command = [str(PYTHON.with_name("checkov")), *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    failed = {one["check_id"] for one in json.loads(done.stdout)["results"]["failed_checks"]}
    assert failed == set(CHECKOV_SKIPS)


def test_cfn_lint_finds_an_unknown_property(tmp_path: Path) -> None:
    def lint(path: Path) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert lint(bucket_template(tmp_path)).returncode == 0
    done = lint(bucket_template(tmp_path, PublicAcessBlock=True))
    assert done.returncode != 0
    assert "PublicAcessBlock" in done.stdout


# bandit


def test_bandit_finds_a_shell_command_from_input_in_a_nested_folder(tmp_path: Path) -> None:
    for folder in bandit_folders():
        (tmp_path / folder / "nested").mkdir(parents=True)
    (tmp_path / "functions/nested/good.py").write_text("print('hello')\n")
    assert run_makefile_command("bandit", tmp_path)[0] == 0
    fault = "import subprocess, sys\nsubprocess.run(sys.argv[1], shell=True)\n"
    (tmp_path / "functions/nested/bad.py").write_text(fault)
    status, output = run_makefile_command("bandit", tmp_path)
    assert status == 1
    assert "B602" in output


def test_make_lint_runs_bandit_on_all_code_except_tests() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    type_checked = set(settings["tool"]["mypy"]["files"]) - {"tests"}
    scanned = {
        checked
        for checked in type_checked
        if any(Path(folder).is_relative_to(checked) for folder in bandit_folders())
    }
    assert scanned == type_checked
    assert all((ROOT / folder).is_dir() for folder in bandit_folders())


def bandit_folders() -> list[str]:
    """Return the folders that `make lint` passes to bandit."""
    return makefile_command("bandit").partition("tests.scans bandit ")[2].split()


# detect-secrets


def aws_key() -> str:
    """Return a random string in the format of an AWS access key."""
    return "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def private_key() -> str:
    """Return a random string that begins like a private key."""
    return "-----BEGIN " + "PRIVATE KEY-----\n" + secrets.token_hex(32)


def test_secret_scan_finds_a_password_in_code(tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    path.write_text("COLOR = 'green'\n")
    assert scan("secrets", path)[0] == 0
    path.write_text(f"password = '{secrets.token_hex(16)}'\n")
    assert scan("secrets", path)[0] == 1


def test_secret_scan_finds_known_formats_in_tests(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    found = {folder / "aws.py": aws_key(), folder / "private.py": private_key()}
    ignored = folder / "password.py"
    ignored.write_text(f"password = '{secrets.token_hex(16)}'\n")
    assert scan("secrets", ignored)[0] == 0
    for path, key in found.items():
        path.write_text(f"KEY = '''{key}'''\n")
    status, output = scan("secrets", ignored, *found)
    assert status == 1
    assert [path for path in found if path.name not in output] == []


def test_secret_scan_accepts_exceptions_only_and_not_the_rest_of_their_line(
    tmp_path: Path,
) -> None:
    lines = [
        'Action: secretsmanager:GetSecretValue  # password = "{}"\n',
        'secret = {{"VONAGE_API_SECRET": "VONAGE_API_SECRET", "password": "{}"}}\n',
        'client = Client(api_key="abcd1234", api_secret="{}")\n',
        'password = "{}"  # pragma: allowlist secret\n',
    ]
    path = tmp_path / "settings.py"
    path.write_text("".join(line.format(secrets.token_hex(16)) for line in lines))
    status, output = scan("secrets", path)
    assert status == 1
    assert [n for n in range(1, len(lines) + 1) if f"settings.py:{n}\n" not in output] == []


def test_secret_scan_reads_files_of_any_name_and_binary_files(tmp_path: Path) -> None:
    files = {}
    for folder, prefix in (("text", b""), ("binary", b"\x89PNG\r\n\x1a\n\x00\xff")):
        (tmp_path / folder).mkdir()
        for name in ("picture.png", "style.css", "package-lock.json", "x.svg", "data"):
            files[tmp_path / folder / name] = prefix
    for path, prefix in files.items():
        path.write_bytes(prefix + b"color: green\n")
    assert scan("secrets", *files)[0] == 0
    for path, prefix in files.items():
        path.write_bytes(prefix + f"{aws_key()}\n{private_key()}\n".encode())
    status, output = scan("secrets", *files)
    assert status == 1
    assert [path for path in files if f"{path.parent.name}/{path.name}" not in output] == []


def test_make_lint_scans_tracked_and_untracked_files_for_secrets(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for folder in ("docs", "functions"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("green\n")
    assert run_makefile_command("secrets", tmp_path)[0] == 0
    (tmp_path / "docs" / "tracked key.pem").write_text(private_key())
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    (tmp_path / "docs" / "untracked key.pem").write_text(private_key())
    status, output = run_makefile_command("secrets", tmp_path)
    assert status != 0
    assert "docs/tracked key.pem" in output
    assert "docs/untracked key.pem" in output


# pip-audit

VULNERABILITY = {
    "id": "PYSEC-0000-1",
    "summary": "seeded",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "pyjwt", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}],
        }
    ],
}


def audit(folder: Path, index_url: str) -> tuple[int, str]:
    """Scan a file with one pinned package, with another vulnerability index."""
    pins = folder / "pins.txt"
    pins.write_text("pyjwt==2.15.1\n")
    return scan("audit", pins, "--vulnerability-service", "osv", "--osv-url", index_url)


def test_pip_audit_finds_a_known_vulnerability(tmp_path: Path) -> None:
    with vulnerability_index([]) as url:
        assert audit(tmp_path, url) == (0, "")
    with vulnerability_index([VULNERABILITY]) as url:
        status, output = audit(tmp_path, url)
    assert status == 1
    assert "pyjwt 2.15.1: PYSEC-0000-1, fixed in 9" in output


def test_pip_audit_is_skipped_if_no_index_responds(tmp_path: Path) -> None:
    with vulnerability_index([]) as url:
        closed = url
    status, output = audit(tmp_path, closed)
    assert status == 0
    assert output.startswith("SKIPPED: pip-audit (no index responded: ")
