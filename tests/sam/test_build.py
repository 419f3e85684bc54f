"""The output of `sam build`, and the resources that a deployment would create."""

from __future__ import annotations

import compileall
import json
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from tests.sam.sam_process import ROOT, run
from tests.support.wheels import COMPILED, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sam.sam_process import SamLocal

BUCKET = "packages"
UNCHECKED_HASH, CHECKED_HASH = 1, 3  # PEP 552: the flags that follow the magic number

Resources = dict[str, Any]


def copied(project: Path) -> Path:
    """Copy the files that `sam build` needs."""
    project.mkdir()
    for name in ("functions", "layers"):
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=caches)
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, project / name)
    return project


@pytest.fixture(scope="module")
def deployed(sam_local: SamLocal) -> Callable[[Path], Resources]:
    """Return a function that packages a built project and returns its transformed resources."""
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
        resources: Resources = translator.translate(source, values)["Resources"]
        return resources

    return package


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project whose source folders contain bytecode, as after a test run."""
    project = copied(tmp_path_factory.mktemp("before") / "project")
    compileall.compile_dir(project / "functions", quiet=1)
    run("sam", "build", cwd=project)
    return project


@pytest.fixture(scope="module")
def before(project: Path, deployed: Callable[[Path], Resources]) -> Resources:
    return deployed(project)


def version(resources: Resources, function: str) -> str:
    """Return the logical id of a function's version. It changes if SAM publishes a new one."""
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


def test_an_edited_flow_publishes_a_new_version_of_the_answer_function(
    before: Resources, deployed: Callable[[Path], Resources], tmp_path: Path
) -> None:
    project = copied(tmp_path / "project")
    with (project / "functions/flows/greet.py").open("a", encoding="utf-8") as flow:
        flow.write("# edited\n")
    run("sam", "build", cwd=project)
    after = deployed(project)
    assert version(after, "AnswerFunction") != version(before, "AnswerFunction")


def test_an_unchanged_project_publishes_no_new_version(
    before: Resources, deployed: Callable[[Path], Resources], tmp_path: Path
) -> None:
    project = copied(tmp_path / "elsewhere")
    run("sam", "build", cwd=project)
    assert versions(deployed(project)) == versions(before)


def test_functions_contain_only_the_source_its_bytecode_and_certificates(
    project: Path,
) -> None:
    source = files(project / "functions", "*.py")
    functions = list((project / ".aws-sam/build").glob("*Function"))
    assert functions
    assert source
    expected = source | set(map(bytecode, source)) | {Path("voicekit/amazon_roots.pem")}
    for function in functions:
        assert files(function, "*") == expected


def test_function_bytecode_is_checked_against_the_hash_of_its_source(project: Path) -> None:
    for source in (project / ".aws-sam/build").glob("*Function/**/*.py"):
        assert flags(bytecode(source)) == CHECKED_HASH


def test_an_edit_of_a_deployed_function_takes_effect(project: Path, tmp_path: Path) -> None:
    # given a built function, with a flow edited in place to the same size
    function = tmp_path / "function"
    shutil.copytree(project / ".aws-sam/build/AnswerFunction", function)
    flow = function / "flows/greet.py"
    flow.write_text(flow.read_text(encoding="utf-8").replace("Thank you", "We thank"))
    # when Python loads the flow, then it has the edited text
    code = "import flows.greet; print(flows.greet.answer.__code__.co_consts)"
    python = str(ROOT / ".venv-sam/bin/python")
    assert "We thank" in run(python, "-c", code, cwd=function)


def test_layer_bytecode_is_never_checked_against_its_source(project: Path) -> None:
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


def test_the_built_template_has_no_yaml_anchors_and_merges(
    project: Path, before: Resources
) -> None:
    """CloudFormation does not support them. The fixture `before` packages the project."""
    assert before
    for built in (project / ".aws-sam/build/template.yaml", project / "packaged.yaml"):
        events = list(yaml.parse(built.read_text(encoding="utf-8")))
        assert not [one for one in events if getattr(one, "anchor", None)], built
        keys = [one.value for one in events if isinstance(one, yaml.ScalarEvent)]
        assert "<<" not in keys, built


@pytest.fixture(scope="module")
def with_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project with a flow that imports a package."""
    folder = tmp_path_factory.mktemp("with-package")
    project = copied(folder / "project")
    wheel = make_wheel(folder, "vocabulary")
    flows = project / "functions/flows"
    (flows / "requirements.txt").write_text(f"{wheel}\n", encoding="utf-8")
    (flows / "worded.py").write_text(
        "import vocabulary\n\n\ndef answer(call):\n"
        '    return [{"action": "talk", "text": vocabulary.WORDS}]\n',
        encoding="utf-8",
    )
    run("sam", "build", "AnswerFunction", cwd=project)
    return project


def test_a_flow_can_import_its_package_after_the_build(with_package: Path) -> None:
    function = with_package / ".aws-sam/build/AnswerFunction"
    code = (
        "import json, sys; from dispatch import flow_runner;"
        "flow = flow_runner.importlib.import_module('flows.worded');"
        "print(json.dumps([flow.answer(None), sys.path[-1]]))"
    )
    python = str(ROOT / ".venv-sam/bin/python")
    actions, last = json.loads(run(python, "-c", code, cwd=function))
    assert actions == [{"action": "talk", "text": "from vocabulary"}]
    assert last == str(function / "packages")


def test_the_packages_of_flows_are_the_same_on_each_machine(with_package: Path) -> None:
    packages = with_package / ".aws-sam/build/AnswerFunction/packages"
    assert flags(bytecode(packages / "vocabulary.py")) == CHECKED_HASH
    assert not list(packages.rglob("RECORD"))


def test_a_compiled_package_fails_the_build_with_what_to_do(tmp_path: Path) -> None:
    project = copied(tmp_path / "project")
    wheel = make_wheel(tmp_path, "compiled", COMPILED)
    (project / "functions/flows/requirements.txt").write_text(f"{wheel}\n", encoding="utf-8")
    with pytest.raises(AssertionError) as failed:
        run("sam", "build", "AnswerFunction", cwd=project)
    assert "docs/flows.md#packages says what to do" in " ".join(str(failed.value).split())


MEGABYTE = 1024 * 1024


def test_functions_and_layers_are_small(project: Path) -> None:
    # Lambda fetches these before a cold start. The limits are today's sizes plus a third.
    built = project / ".aws-sam/build"
    for function in built.glob("*Function"):
        assert zipped(function) < 0.6 * MEGABYTE
    assert zipped(built / "PackagesLayer") < 17 * MEGABYTE


def zipped(folder: Path) -> int:
    """Return the total size in bytes of a folder's files, each compressed."""
    return sum(
        len(zlib.compress(path.read_bytes())) for path in folder.rglob("*") if path.is_file()
    )


def bytecode(source: Path) -> Path:
    """Return the path of a source file's bytecode."""
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def flags(compiled: Path) -> int:
    """Return the flags of a bytecode file (PEP 552)."""
    return int.from_bytes(compiled.read_bytes()[4:8], "little")


def files(folder: Path, pattern: str) -> set[Path]:
    """Return the files in a folder, relative to it."""
    return {path.relative_to(folder) for path in folder.rglob(pattern) if path.is_file()}
