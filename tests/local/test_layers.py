"""The packages of the flows, installed for the local platform as for Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws.layers import PURE_PYTHON, LayerError, install
from local.local_platform import LocalPlatform
from tests.support.wheels import COMPILED, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "flows"
    folder.mkdir(parents=True)
    return folder


def installed(flows: Path, requirements: str, said: list[str] | None = None) -> Path:
    (flows / "requirements.txt").write_text(requirements)
    said = [] if said is None else said
    return install(flows, flows.parent / "store", said.append, PURE_PYTHON)


def test_a_pure_python_package_is_installed_once(flows: Path) -> None:
    wheel, said = make_wheel(flows.parent, "vocabulary"), list[str]()
    folder = installed(flows, f"# words\n{wheel}\n", said)
    assert (folder / "vocabulary.py").is_file()
    assert installed(flows, f"# words\n{wheel}\n", said) == folder
    assert said == ["installing the packages that functions/flows/requirements.txt lists (once)"]


def test_a_compiled_package_is_refused_with_what_to_do(flows: Path) -> None:
    wheel = make_wheel(flows.parent, "compiled", COMPILED)
    with pytest.raises(
        LayerError, match=r"(?s)not a supported wheel.*\nIf pip finds no version.*flows\.md"
    ):
        installed(flows, f"{wheel}\n")
    assert not list((flows.parent / "store").iterdir())


@pytest.mark.parametrize("text", ["", "\n", "# phonenumbers==9.0.18\n  # orjson\n"])
def test_without_a_package_nothing_is_installed(flows: Path, text: str) -> None:
    said: list[str] = []
    assert not installed(flows, text, said).exists()
    assert said == []


@pytest.mark.asyncio
async def test_a_function_can_import_the_packages_of_flows(own_project: Path) -> None:
    flows = own_project / "functions" / "flows"
    flows.mkdir()
    wheel = make_wheel(own_project, "vocabulary")
    (flows / "requirements.txt").write_text(f"{wheel}\n")
    async with LocalPlatform(own_project) as platform:
        result = await platform.lambdas.invoke("Probe", {"do": "import", "name": "vocabulary"})
        assert (result.error, result.payload) == (None, "vocabulary")
        # and they come after the code, the layers and the runtime's packages
        state = (await platform.lambdas.invoke("Probe", {"do": "state"})).payload
        assert "/flows-" in state["path"][3]
