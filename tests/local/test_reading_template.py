"""Reading a template: parameters, conditions, intrinsic functions, and errors with a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.aws import template
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from pathlib import Path


def read(project: Path, **given: str) -> template.Template:
    return template.read(project / "template.yaml", "eu-west-1", given, {"PublicBaseUrl": "http:"})


def test_a_parameter_is_what_was_given_or_its_default(project: Path) -> None:
    parameters = read(project, Colour="green").parameters
    assert (parameters["Colour"], parameters["Retries"]) == ("green", "2")


def test_what_the_platform_sets_is_not_held_to_the_pattern(project: Path) -> None:
    assert read(project).parameters["PublicBaseUrl"] == "http:"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Hue": "red"}, "no such parameter: Hue"),
        ({"Colour": "blue"}, "Colour must be one of red, green"),
        ({"Retries": "many"}, "Retries must be a number"),
        ({"Retries": "6"}, "Retries must be between 1 and 5"),
        ({"PublicBaseUrl": "http://plain"}, "PublicBaseUrl must be"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    project: Path, given: dict[str, str], text: str
) -> None:
    with pytest.raises(TemplateError, match=text):
        read(project, **given)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Colour"}, "red"),
        ({"Ref": "Kept"}, "a-table"),
        ({"Fn::GetAtt": ["Kept", "Arn"]}, "an-arn"),
        ({"Fn::GetAtt": "Kept.Arn"}, "an-arn"),
        ({"Fn::Sub": "${Kept.Arn}/${Kept}/${!Literal}"}, "an-arn/a-table/${Literal}"),
        ({"Fn::Sub": ["${X}!", {"X": {"Ref": "Colour"}}]}, "red!"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-eu-west-1"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::If": ["IsGreen", "yes", "no"]}, "no"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ],
)
def test_intrinsic_functions_are_evaluated(project: Path, value: Any, expected: Any) -> None:
    resolver = Resolver(read(project), {"Kept": "a-table"}, {("Kept", "Arn"): "an-arn"})
    assert resolver.resolve(value) == expected


@pytest.mark.parametrize(
    "value", [{"Ref": "Nothing"}, {"Fn::GetAtt": ["Kept", "Colour"]}, {"Fn::ImportValue": "x"}]
)
def test_what_cannot_be_evaluated_is_named(project: Path, value: Any) -> None:
    with pytest.raises(TemplateError, match=r"Nothing|Kept\.Colour|ImportValue"):
        Resolver(read(project), {}, {}).resolve(value)
