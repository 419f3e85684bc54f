"""What each function imports at a cold start, while a caller hears silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shipped_flows import SHIPPED

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
    "email",
    "http",
    "jwt",
    "pathlib",
    "pydantic",
    "requests",
    "tempfile",
    "typing",
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
    """Return the modules that an import adds, in a Python with only its standard library."""
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _CHILD, module, *map(str, folders)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={},
    )
    return set(process.stdout.split())


@pytest.mark.parametrize("function", [*WEBHOOKS, "drain"])
def test_a_function_imports_only_python_and_our_code_without_environment_variables(
    function: str,
) -> None:
    # given only the folder of the functions, without a layer
    roots = {name.partition(".")[0] for name in loaded(f"{function}.app", FUNCTIONS)}
    assert not roots & HEAVY


@pytest.mark.parametrize("function", WEBHOOKS)
def test_no_flow_is_loaded_before_it_is_selected(function: str) -> None:
    assert not {n for n in loaded(f"{function}.app", FUNCTIONS) if n.startswith("flows.")}


@pytest.mark.parametrize("flow", sorted(SHIPPED))
def test_shipped_flows_import_nothing_heavy(flow: str) -> None:
    assert not {name.partition(".")[0] for name in loaded(f"flows.{flow}", FUNCTIONS)} & HEAVY


@pytest.mark.parametrize("function", WEBHOOKS)
def test_modules_that_few_flows_use_are_loaded_only_by_those(function: str) -> None:
    # given the modules that a flow without them does not need
    lazy = {"agents", "emitted_events", "lines", "secret_input", "signed_state", "signed_token"}
    assert all((FUNCTIONS / "voicekit" / f"{name}.py").is_file() for name in lazy)
    assert not {f"voicekit.{name}" for name in lazy} & loaded(f"{function}.app", FUNCTIONS)


def test_the_answer_function_loads_no_storage_code() -> None:
    assert not {name for name in loaded("answer.app", FUNCTIONS) if name.startswith("records")}


def test_a_heavy_module_is_detected(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("import asyncio, dataclasses\n")
    assert {"asyncio", "dataclasses"} <= loaded("heavy", tmp_path)


def test_the_fallback_imports_nothing() -> None:
    # given only the folder of the functions, without a layer
    names = loaded("fallback.app", FUNCTIONS)
    # then only the package and the module themselves are loaded
    assert names == {"fallback", "fallback.app"}


@pytest.mark.parametrize("event", [{}, None, [], {"headers": None}, "x"])
def test_the_fallback_responds_to_any_event_with_a_talk_action(event: object) -> None:
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from fallback.app import handler;"
        "print(json.dumps(handler(json.loads(sys.argv[2]), None)))"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(FUNCTIONS), json.dumps(event)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    response = json.loads(process.stdout)
    assert response["statusCode"] == 200
    assert [action["action"] for action in json.loads(response["body"])] == ["talk"]
