"""What `sam build` makes, and what would be deployed of it."""

from __future__ import annotations

import compileall
import shutil
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from tests.sam.running import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sam.running import SamLocal

BUCKET = "packages"
UNCHECKED_HASH = 1  # PEP 552: the flags that follow the magic number

Resources = dict[str, Any]


def copied(project: Path) -> Path:
    """Copy what is deployed of this project."""
    project.mkdir()
    for name in ("functions", "layers"):
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=caches)
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, project / name)
    return project


@pytest.fixture(scope="module")
def deployed(sam_local: SamLocal) -> Callable[[Path], Resources]:
    """Package a built project for the cloud's S3, and give what CloudFormation would make of it."""
    sam_local.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": sam_local.stack["region"]}
    )

    def package(project: Path) -> Resources:
        output = ("--s3-bucket", BUCKET, "--output-template-file", "packaged.yaml")
        run("sam", "package", *output, cwd=project, **sam_local.environment())
        source = yaml_parse((project / "packaged.yaml").read_text(encoding="utf-8"))
        values = {name: str(one["Default"]) for name, one in source["Parameters"].items()}
        session = boto3.Session(region_name=sam_local.stack["region"])
        translator = Translator({}, Parser(), boto_session=session)
        made: Resources = translator.translate(source, values)["Resources"]
        return made

    return package


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built project, with the bytecode in its folders that every test run leaves behind."""
    project = copied(tmp_path_factory.mktemp("before") / "project")
    compileall.compile_dir(project / "functions", quiet=1)
    run("sam", "build", cwd=project)
    return project


@pytest.fixture(scope="module")
def before(project: Path, deployed: Callable[[Path], Resources]) -> Resources:
    return deployed(project)


def version(resources: Resources, function: str) -> str:
    """Give the logical id of a function's published version; a new one is a new version."""
    (found,) = (
        logical
        for logical, it in resources.items()
        if it["Type"] == "AWS::Lambda::Version"
        and it["Properties"]["FunctionName"] == {"Ref": function}
    )
    return found


def versions(resources: Resources) -> set[str]:
    kinds = ("AWS::Lambda::Version", "AWS::Lambda::LayerVersion")
    return {logical for logical, it in resources.items() if it["Type"] in kinds}


def test_a_flow_that_was_touched_publishes_a_new_version_of_answer(
    before: Resources, deployed: Callable[[Path], Resources], tmp_path: Path
) -> None:
    project = copied(tmp_path / "project")
    with (project / "functions/flows/greet.py").open("a", encoding="utf-8") as flow:
        flow.write("# touched\n")
    run("sam", "build", cwd=project)
    after = deployed(project)
    assert version(after, "AnswerFunction") != version(before, "AnswerFunction")


def test_nothing_is_published_anew_where_nothing_was_touched(
    before: Resources, deployed: Callable[[Path], Resources], tmp_path: Path
) -> None:
    project = copied(tmp_path / "elsewhere")
    run("sam", "build", cwd=project)
    assert versions(deployed(project)) == versions(before)


def test_a_function_is_deployed_with_the_source_and_nothing_else(project: Path) -> None:
    source = files(project / "functions", "*.py")
    functions = list((project / ".aws-sam/build").glob("*Function"))
    assert functions
    assert source
    for function in functions:
        assert files(function, "*") == source


def test_a_layer_has_bytecode_that_is_never_compared_with_its_source(project: Path) -> None:
    layers = list((project / ".aws-sam/build").glob("*Layer*"))
    assert layers
    for source in [path for layer in layers for path in layer.rglob("*.py")]:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == UNCHECKED_HASH


def files(folder: Path, pattern: str) -> set[Path]:
    """Give the files below a folder, from there."""
    return {path.relative_to(folder) for path in folder.rglob(pattern) if path.is_file()}
