"""What `sam build` makes, and what would be deployed of it."""

from __future__ import annotations

import compileall
import shutil
import zlib
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from tests.sam.sam_process import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sam.sam_process import SamLocal

BUCKET = "packages"
UNCHECKED_HASH, CHECKED_HASH = 1, 3  # PEP 552: the flags that follow the magic number

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


def test_a_function_is_deployed_with_the_source_and_its_bytecode_and_nothing_else(
    project: Path,
) -> None:
    source = files(project / "functions", "*.py")
    functions = list((project / ".aws-sam/build").glob("*Function"))
    assert functions
    assert source
    for function in functions:
        assert files(function, "*") == source | set(map(bytecode, source))


def test_bytecode_of_a_function_is_compared_with_its_source_by_what_it_says(project: Path) -> None:
    for source in (project / ".aws-sam/build").glob("*Function/**/*.py"):
        assert flags(bytecode(source)) == CHECKED_HASH


def test_what_is_edited_where_it_is_deployed_is_what_runs(project: Path, tmp_path: Path) -> None:
    # given a function as it is deployed, with a flow that was edited there, in as many bytes
    function = tmp_path / "function"
    shutil.copytree(project / ".aws-sam/build/AnswerFunction", function)
    flow = function / "flows/greet.py"
    flow.write_text(flow.read_text(encoding="utf-8").replace("Thank you", "We thank"))
    # when Python loads it, then what it knows is what stands there
    code = "import flows.greet; print(flows.greet.answer.__code__.co_consts)"
    python = str(ROOT / ".venv-sam/bin/python")
    assert "We thank" in run(python, "-c", code, cwd=function)


def test_a_layer_has_bytecode_that_is_never_compared_with_its_source(project: Path) -> None:
    layers = list((project / ".aws-sam/build").glob("*Layer*"))
    assert layers
    for source in [path for layer in layers for path in layer.rglob("*.py")]:
        assert flags(bytecode(source)) == UNCHECKED_HASH


def test_the_layer_has_every_extension_module_for_both_processors(project: Path) -> None:
    packages = project / ".aws-sam/build/PackagesLayer/python"
    modules: dict[str, set[str]] = {}
    for path in packages.rglob("*.so*"):
        name, suffix = str(path.relative_to(packages)).split(".", 1)
        modules.setdefault(name, set()).add(suffix)
    suffixes = {f"cpython-313-{one}-linux-gnu.so" for one in ("aarch64", "x86_64")}
    assert "cryptography/hazmat/bindings/_rust" in modules
    assert {name: found for name, found in modules.items() if found != suffixes} == {}
    for path in packages.rglob("*.so"):
        machine = int.from_bytes(path.read_bytes()[18:20], "little")  # ELF header: e_machine
        assert machine == (0xB7 if "aarch64" in path.name else 0x3E), path


def test_sam_writes_out_the_anchors_and_merges_of_the_template(
    project: Path, before: Resources
) -> None:
    """CloudFormation does not know them. `before` has packaged the project."""
    assert before
    for built in (project / ".aws-sam/build/template.yaml", project / "packaged.yaml"):
        events = list(yaml.parse(built.read_text(encoding="utf-8")))
        assert not [one for one in events if getattr(one, "anchor", None)], built
        keys = [one.value for one in events if isinstance(one, yaml.ScalarEvent)]
        assert "<<" not in keys, built


MEGABYTE = 1024 * 1024


def test_a_function_is_small_and_so_is_what_it_needs(project: Path) -> None:
    # What Lambda fetches before a cold start; the limits are those of today with a third to spare.
    built = project / ".aws-sam/build"
    for function in built.glob("*Function"):
        assert zipped(function) < 0.42 * MEGABYTE
    assert zipped(built / "PackagesLayer") < 17 * MEGABYTE


def zipped(folder: Path) -> int:
    """Give how many bytes the files below a folder have when each is compressed."""
    return sum(
        len(zlib.compress(path.read_bytes())) for path in folder.rglob("*") if path.is_file()
    )


def bytecode(source: Path) -> Path:
    """Give the file with the bytecode of a source file."""
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def flags(compiled: Path) -> int:
    """Give how bytecode is compared with its source."""
    return int.from_bytes(compiled.read_bytes()[4:8], "little")


def files(folder: Path, pattern: str) -> set[Path]:
    """Give the files below a folder, from there."""
    return {path.relative_to(folder) for path in folder.rglob(pattern) if path.is_file()}
