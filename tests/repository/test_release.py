"""The version has one place; tag, changelog, upgrade guide, workflow and files agree with it."""

from __future__ import annotations

import re
import tomllib
import zipfile
from typing import Any

import pytest
import yaml

from tests.repository.files import ROOT, project_files
from tests.repository.release import ReleaseFiles, main, mismatches, read, sections

FILES = read()
VERSION = FILES.version
DIST = ROOT / "dist"
# Files in which the version is history, and files with the versions of other packages.
_OTHERS = re.compile(
    r"pyproject\.toml|(docs/)?(CHANGELOG|upgrade|CONTRIBUTING)\.md|constraints.*\.txt"
    r"|.*requirements\.txt|.*package\.json|simulator/.*|tests/repository/test_release\.py"
)
RELEASE = ReleaseFiles(
    '[project]\nversion = "0.2.0"\n',
    "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- Mails.\n\n"
    "## [0.1.0] - 2026-11-29\n\n- Calls.\n",
    "### From 0.1.0 to 0.2.0\n",
)


def workflow(name: str) -> Any:
    """Return a workflow of GitHub. YAML 1.1 reads its key `on` as True."""
    return yaml.safe_load((ROOT / ".github/workflows" / name).read_text())


def test_the_version_agrees_with_the_changelog_and_the_upgrade_guide() -> None:
    assert mismatches(FILES) == []


def test_no_second_place_states_the_version() -> None:
    stated = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    files = project_files(".py", ".js", ".json", ".md", ".toml", ".txt", ".yaml", ".yml")
    found = [
        name
        for path in files
        if not _OTHERS.fullmatch(name := path.relative_to(ROOT).as_posix())
        and stated.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_simulator_has_a_version_of_its_own_in_one_place() -> None:
    project = tomllib.loads((ROOT / "simulator/pyproject.toml").read_text())["project"]
    assert project["dynamic"] == ["version"]
    assert "Unreleased" in sections((ROOT / "simulator/CHANGELOG.md").read_text())


@pytest.mark.parametrize(
    ("tag", "change", "problem"),
    [
        ("v0.2.0", {}, None),
        ("", {}, None),
        ("v0.3.0", {}, "the tag is v0.3.0, and pyproject.toml has 0.2.0; expected v0.2.0"),
        ("0.2.0", {}, "expected v0.2.0"),
        ("v0.2.0", {"pyproject": '[project]\nversion = "0.3.0"\n'}, "newest version is not 0.3.0"),
        ("v0.2.0", {"upgrade": "### From 0.1.0 to the next version\n"}, "no heading"),
        (
            "v0.2.0",
            {"changelog": RELEASE.changelog.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n")},
            "move them to the version",
        ),
        (
            "v0.2.0",
            {"changelog": RELEASE.changelog.replace("[0.2.0] - 2026-12-01", "[0.2.0]")},
            "is not 0.2.0 with a date",
        ),
    ],
)
def test_a_mismatch_is_found(tag: str, change: dict[str, str], problem: str | None) -> None:
    found = "\n".join(mismatches(RELEASE._replace(**change), tag))
    assert (problem in found) if problem else not found


def test_the_program_prints_the_notes_of_a_tag_or_what_does_not_agree(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    for name, text in zip(
        ("pyproject.toml", "CHANGELOG.md", "docs/upgrade.md"), RELEASE, strict=True
    ):
        (tmp_path / name).write_text(text)
    assert main(["v0.2.0"], tmp_path) == 0
    assert capsys.readouterr().out == "### Added\n\n- Mails.\n"
    assert main(["v0.2.1"], tmp_path) == 1
    assert capsys.readouterr().err.startswith("error: the tag is v0.2.1")
    assert main([], tmp_path) == 2


# The workflow


def test_the_workflow_checks_the_tag_and_runs_ci_before_it_builds_and_publishes() -> None:
    release = workflow("release.yml")
    assert release[True] == {"push": {"tags": ["v*"]}}
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    commands = [step["run"] for step in build["steps"] if "run" in step]
    order = ["tests.repository.release", ".ci/run", "make dist"]
    places = [next(i for i, one in enumerate(commands) if part in one) for part in order]
    assert places == sorted(places)
    assert publish["needs"] == "build"
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", "\n".join(commands)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_only_the_job_that_publishes_may_write_and_it_runs_nothing_of_the_checkout() -> None:
    release = workflow("release.yml")
    assert release["permissions"] == {"contents": "read"}
    jobs = release["jobs"]
    assert {name for name, job in jobs.items() if "permissions" in job} == {"publish"}
    assert jobs["publish"]["permissions"] == {"contents": "write"}
    used = [step["uses"] for step in jobs["publish"]["steps"] if "uses" in step]
    assert used == ["actions/download-artifact@v4"]


def test_the_actions_are_pinned_as_in_the_other_workflow() -> None:
    def actions(name: str) -> dict[str, str]:
        steps = [step for job in workflow(name)["jobs"].values() for step in job["steps"]]
        return dict(step["uses"].split("@") for step in steps if "uses" in step)

    ci, release = actions("ci.yml"), actions("release.yml")
    assert ci.items() <= release.items()
    assert all(re.fullmatch(r"v\d+|[0-9a-f]{40}", version) for version in release.values())


# What make dist has built


@pytest.mark.skipif(
    not (DIST / f"vonage-voice-sam-{VERSION}.zip").exists(), reason="not built; run make dist"
)
def test_the_files_of_a_release_are_complete() -> None:
    wheels = sorted(path.name.partition("-")[0] for path in DIST.glob("*.whl"))
    assert wheels == ["vonage_simulator", "vonage_voice_sam"]
    with zipfile.ZipFile(DIST / f"documentation-{VERSION}.zip") as archive:
        assert "index.html" in archive.namelist()
    with zipfile.ZipFile(DIST / f"vonage-voice-sam-{VERSION}.zip") as archive:
        names = set(archive.namelist())
        template = archive.read("template.yaml").decode()
    folders = set(re.findall(r"(?:CodeUri|ContentUri): (\w+Function|\w+Layer)$", template, re.M))
    assert len(folders) == 14
    assert {"template.yaml", "samconfig.toml"} <= names
    for folder in folders:
        assert any(name.startswith(f"{folder}/") for name in names)
    assert any(name.endswith(".pyc") for name in names)
