"""Each scan of `make lint` finds a fault that was planted, and is content without it."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.scans.__main__ import CHECKOV_SKIPS
from tests.support.http_servers import serving
from tests.template.golden import of_production, transformed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-scan" / "bin" / "python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the scanners are not installed: make lint does that"
)


def scan(*arguments: str | Path) -> tuple[int, str]:
    """Run a scan; give its status and what it said."""
    done = subprocess.run(
        [PYTHON, "-m", "tests.scans", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def template(folder: Path, **bucket: Any) -> Path:
    """Write a template with a bucket that is closed, and what is said of it here."""
    closed = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    properties = {"PublicAccessBlockConfiguration": closed} | bucket
    made = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    path = folder / "template.json"
    path.write_text(json.dumps(made))
    return path


def test_checkov_finds_a_bucket_that_is_open_to_all(tmp_path: Path) -> None:
    assert scan("checkov", template(tmp_path))[0] == 0
    status, said = scan("checkov", template(tmp_path, AccessControl="PublicRead"))
    assert status == 1
    assert "CKV_AWS_20" in said


def test_what_checkov_lets_pass_is_what_it_would_find_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(of_production(transformed()))
    options = ("--framework", "cloudformation", "--skip-download", "-o", "json", "--file")
    command = [str(PYTHON.with_name("checkov")), *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    failed = {one["check_id"] for one in json.loads(done.stdout)["results"]["failed_checks"]}
    assert failed == set(CHECKOV_SKIPS)


def test_cfn_lint_finds_a_property_that_does_not_exist(tmp_path: Path) -> None:
    def lint(path: Path) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert lint(template(tmp_path)).returncode == 0
    done = lint(template(tmp_path, PublicAcessBlock=True))
    assert done.returncode != 0
    assert "PublicAcessBlock" in done.stdout


def test_bandit_finds_a_shell_that_is_given_what_came(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("print('hello')\n")
    assert scan("bandit", tmp_path)[0] == 0
    planted = "import subprocess, sys\nsubprocess.run(sys.argv[1], shell=True)\n"
    (tmp_path / "bad.py").write_text(planted)
    status, said = scan("bandit", tmp_path)
    assert status == 1
    assert "B602" in said


def key() -> str:
    """Give what has the form of an access key of AWS."""
    return "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def private_key() -> str:
    """Give what begins like a private key."""
    return "-----BEGIN " + "PRIVATE KEY-----\n" + secrets.token_hex(32)


@pytest.mark.parametrize("folder", ["functions", "tests"])
@pytest.mark.parametrize("planted", [key, private_key])
def test_a_key_is_found_in_code_and_in_tests(tmp_path: Path, folder: str, planted: Any) -> None:
    place = tmp_path / folder
    place.mkdir()
    path = place / "settings.py"
    path.write_text("COLOUR = 'green'\n")
    assert scan("secrets", path)[0] == 0
    path.write_text(f"KEY = '''{planted()}'''\n")
    status, said = scan("secrets", path)
    assert status == 1
    assert "settings.py" in said


@pytest.mark.parametrize(
    "line",
    [
        'Action: secretsmanager:GetSecretValue  # password = "{}"\n',
        'secret = {{"VONAGE_API_SECRET": "VONAGE_API_SECRET", "password": "{}"}}\n',
        'client = Client(api_key="abcd1234", api_secret="{}")\n',
        'password = "{}"  # pragma: allowlist secret\n',
    ],
)
def test_what_is_let_pass_hides_nothing_else_on_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "settings.py"
    path.write_text(line.format(secrets.token_hex(16)))
    assert scan("secrets", path)[0] == 1


@pytest.mark.parametrize("name", ["picture.png", "style.css", "package-lock.json", "x.svg", "data"])
@pytest.mark.parametrize("before", [b"", b"\x89PNG\r\n\x1a\n\x00\xff"])
def test_a_key_is_found_whatever_its_file_is_called_and_begins_with(
    tmp_path: Path, name: str, before: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(before + b"colour: green\n")
    assert scan("secrets", path)[0] == 0
    path.write_bytes(before + f"{key()}\n{private_key()}\n".encode())
    status, said = scan("secrets", path)
    assert status == 1
    assert name in said


def test_a_password_is_found_in_code(tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    path.write_text(f"password = '{secrets.token_hex(16)}'\n")
    assert scan("secrets", path)[0] == 1


def line_of_lint(name: str) -> str:
    """Give the command line with which `make lint` runs a scan."""
    told = subprocess.run(
        ["make", "-n", "scan"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    *_, line = [one for one in told.splitlines() if f"-m tests.scans {name}" in one]
    return line.replace(".venv-scan/bin/python", str(PYTHON))


@pytest.mark.parametrize(
    "planted", ["functions", "simulator/vonage_simulator", "local/webconsole", "voicectl/commands"]
)
def test_the_line_of_make_lint_has_bandit_look_at_every_folder(
    tmp_path: Path, planted: str
) -> None:
    for folder in (
        "functions",
        "simulator/vonage_simulator",
        "local/webconsole",
        "voicectl/commands",
    ):
        (tmp_path / folder).mkdir(parents=True)
    line = f"cd {tmp_path} && PYTHONPATH={ROOT} {line_of_lint('bandit')}"
    assert subprocess.run(["bash", "-c", line], timeout=300).returncode == 0
    (tmp_path / planted / "bad.py").write_text(
        "import subprocess, sys\nsubprocess.run(sys.argv[1], shell=True)\n"
    )
    assert subprocess.run(["bash", "-c", line], timeout=300).returncode == 1


@pytest.mark.parametrize("added", [True, False])
def test_the_line_of_make_lint_looks_for_secrets_in_every_file(tmp_path: Path, added: bool) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for folder in ("docs", "functions"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("green\n")
    line = f"cd {tmp_path} && export PYTHONPATH={ROOT} && {line_of_lint('secrets')}"
    assert subprocess.run(["bash", "-c", line], timeout=300).returncode == 0
    (tmp_path / "docs" / "a key.pem").write_text(private_key())
    if added:
        subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    assert subprocess.run(["bash", "-c", line], timeout=300).returncode != 0


@contextmanager
def index(vulnerabilities: list[dict[str, Any]]) -> Iterator[str]:
    """Serve an index of vulnerabilities in the form of OSV; give its address."""

    class StubIndexHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"vulns": vulnerabilities}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), StubIndexHandler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}/v1/query"


VULNERABILITY = {
    "id": "PYSEC-0000-1",
    "summary": "planted",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "pyjwt", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}],
        }
    ],
}


def audited(pins: Path, url: str) -> tuple[int, str]:
    return scan("audit", pins, "--vulnerability-service", "osv", "--osv-url", url)


def test_a_package_with_a_known_vulnerability_is_found(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("pyjwt==2.15.1\n")
    with index([]) as url:
        assert audited(pins, url) == (0, "")
    with index([VULNERABILITY]) as url:
        status, said = audited(pins, url)
    assert status == 1
    assert "pyjwt 2.15.1: PYSEC-0000-1, fixed in 9" in said


def test_an_index_that_does_not_answer_is_told_and_fails_nothing(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("pyjwt==2.15.1\n")
    with index([]) as url:
        closed = url
    status, said = audited(pins, closed)
    assert status == 0
    assert said.startswith("SKIPPED: pip-audit, since no index answered")
