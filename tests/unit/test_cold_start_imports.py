"""What each function loads while it starts: somebody listens to silence meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
WEBHOOKS = ["answer", "dtmf", "asr", "notification", "event", "recordings"]
HEAVY = {
    "asyncio",
    "aws_lambda_powertools",
    "aws_xray_sdk",
    "boto3",
    "botocore",
    "cryptography",
    "dataclasses",
    "jwt",
    "pathlib",
    "pydantic",
    "requests",
    "tempfile",
    "urllib3",
}
_CHILD = """
import sys
before = set(sys.modules)
sys.path[:0] = sys.argv[2:]
__import__(sys.argv[1])
after = set(sys.modules) - before
print(*sorted(after))
"""


def loaded(module: str, *folders: Path) -> set[str]:
    """Give what importing a module adds to a Python that has its standard library alone."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _CHILD, module, *map(str, folders)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={},
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("function", [*WEBHOOKS, "drain"])
def test_a_function_starts_with_python_and_our_code_alone_and_without_an_environment(
    function: str,
) -> None:
    # given no folder but that of the functions: no layer
    roots = {name.partition(".")[0] for name in loaded(f"{function}.app", FUNCTIONS)}
    assert not roots & HEAVY


@pytest.mark.parametrize("function", WEBHOOKS)
def test_no_flow_is_loaded_before_it_is_chosen(function: str) -> None:
    assert not {n for n in loaded(f"{function}.app", FUNCTIONS) if n.startswith("flows.")}


def test_the_answer_function_loads_nothing_that_keeps_events() -> None:
    assert not {name for name in loaded("answer.app", FUNCTIONS) if name.startswith("records")}


def test_a_heavy_module_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("import asyncio, dataclasses\n")
    assert {"asyncio", "dataclasses"} <= loaded("heavy", tmp_path)


def test_the_fallback_imports_nothing_at_all() -> None:
    # given no folder but that of the functions: no layer
    names = loaded("fallback.app", FUNCTIONS)
    # then nothing is loaded but the package and the module themselves
    assert names == {"fallback", "fallback.app"}


@pytest.mark.parametrize("event", [{}, None, [], {"headers": None}, "x"])
def test_the_fallback_answers_whatever_comes_with_a_talk_action(event: object) -> None:
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from fallback.app import handler;"
        "print(json.dumps(handler(json.loads(sys.argv[2]), None)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(FUNCTIONS), json.dumps(event)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    reply = json.loads(done.stdout)
    assert reply["statusCode"] == 200
    assert [action["action"] for action in json.loads(reply["body"])] == ["talk"]
