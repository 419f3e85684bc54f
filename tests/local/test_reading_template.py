"""Template parameters, conditions and intrinsic functions, and errors in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.aws import template
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from pathlib import Path


def read(project: Path, **parameters: str) -> template.Template:
    return template.read(
        project / "template.yaml", "eu-west-1", parameters, {"PublicBaseUrl": "http:"}
    )


def test_a_parameter_has_its_value_or_its_default(project: Path) -> None:
    parameters = read(project, Color="green").parameters
    assert (parameters["Color"], parameters["Retries"]) == ("green", "2")


def test_the_platforms_own_values_are_not_checked(project: Path) -> None:
    assert read(project).parameters["PublicBaseUrl"] == "http:"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"Hue": "red"}, "no such parameter: Hue"),
        ({"Color": "blue"}, "Color must be one of red, green"),
        ({"Retries": "many"}, "Retries must be a number"),
        ({"Retries": "6"}, "Retries must be between 1 and 5"),
        ({"PublicBaseUrl": "http://plain"}, "PublicBaseUrl must be"),
    ],
)
def test_an_invalid_value_is_rejected(project: Path, parameters: dict[str, str], text: str) -> None:
    with pytest.raises(TemplateError, match=text):
        read(project, **parameters)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Color"}, "red"),
        ({"Ref": "Items"}, "a-table"),
        ({"Fn::GetAtt": ["Items", "Arn"]}, "an-arn"),
        ({"Fn::GetAtt": "Items.Arn"}, "an-arn"),
        ({"Fn::Sub": "${Items.Arn}/${Items}/${!Literal}"}, "an-arn/a-table/${Literal}"),
        ({"Fn::Sub": ["${X}!", {"X": {"Ref": "Color"}}]}, "red!"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-eu-west-1"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::If": ["IsGreen", "yes", "no"]}, "no"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ],
)
def test_intrinsic_functions_are_evaluated(project: Path, value: Any, expected: Any) -> None:
    resolver = Resolver(read(project), {"Items": "a-table"}, {("Items", "Arn"): "an-arn"})
    assert resolver.resolve(value) == expected


@pytest.mark.parametrize(
    "value", [{"Ref": "Nothing"}, {"Fn::GetAtt": ["Items", "Color"]}, {"Fn::ImportValue": "x"}]
)
def test_an_unknown_reference_or_function_is_an_error(project: Path, value: Any) -> None:
    with pytest.raises(TemplateError, match=r"Nothing|Items\.Color|ImportValue"):
        Resolver(read(project), {}, {}).resolve(value)
