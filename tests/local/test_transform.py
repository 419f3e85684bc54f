"""SAM's transform, and the results of it that are kept in files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.aws.transform import TransformError, transformed

ROOT = Path(__file__).parents[2]
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "CodeUri": {"Bucket": "local", "Key": "functions"},
        "MemorySize": {"Ref": "Memory"},
    },
}
PARAMETERS = {"Memory": {"Type": "Number", "Default": 128}}


def transform(folder: Path, region: str = "eu-west-1", **properties: Any) -> dict[str, Any]:
    function = FUNCTION | {"Properties": FUNCTION["Properties"] | properties}  # type: ignore[operator]
    source = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": PARAMETERS,
        "Resources": {"One": function},
    }
    return transformed(source, {"Memory": "128"}, region, folder)


def test_a_function_becomes_a_function_and_a_role(tmp_path: Path) -> None:
    resources = transform(tmp_path)["Resources"]
    assert {one["Type"] for one in resources.values()} == {
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
    }
    assert resources["One"]["Properties"]["MemorySize"] == {"Ref": "Memory"}


def test_the_same_template_has_the_same_result_again(tmp_path: Path) -> None:
    assert transform(tmp_path) == transform(tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_changed_template_or_region_is_transformed_anew(tmp_path: Path) -> None:
    transform(tmp_path)
    changed = transform(tmp_path, Timeout=7)
    assert changed["Resources"]["One"]["Properties"]["Timeout"] == 7
    transform(tmp_path, region="us-east-1")
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_a_kept_result_needs_no_transform(tmp_path: Path) -> None:
    # given a start of the platform that has kept its result
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    (tmp_path / "template.yaml").write_text(template, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from local.aws import template;"
        "template.read(Path(sys.argv[1]), 'eu-west-1', {}, {});"
        "print('samtranslator.translator.translator' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "template.yaml")]
    ran = [subprocess.check_output(command, cwd=ROOT, text=True, timeout=60) for _ in range(2)]
    assert [text.strip() for text in ran] == ["True", "False"]


@pytest.mark.parametrize("text", ["", "{", "\ud800"], ids=["empty", "cut off", "not UTF-8"])
def test_a_damaged_file_is_replaced(tmp_path: Path, text: str) -> None:
    made = transform(tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert transform(tmp_path) == made
    assert json.loads(file.read_text(encoding="utf-8")) == made


def test_without_a_folder_to_write_in_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert transform(tmp_path / "file" / "folder") == transform(tmp_path)


def test_twenty_results_are_kept(tmp_path: Path) -> None:
    for timeout in range(1, 24):
        transform(tmp_path, Timeout=timeout)
    assert len(list(tmp_path.iterdir())) == 20


def test_an_error_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match="One"):
        transform(tmp_path, Handler=None, Runtime=None, CodeUri=None)
    assert not list(tmp_path.iterdir())
