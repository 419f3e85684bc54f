"""Read template.yaml as AWS does: SAM's own transform, then the intrinsic functions.

The caller creates the resources, and passes in their names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import intrinsics_multi_constructor

from local.aws import transform
from local.aws.constants import ACCOUNT, STACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_TRANSFORMED = ".local/transformed"  # next to the template
_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


class _Loader(_SafeLoader):
    """A loader with the short forms of intrinsic functions."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


class TemplateError(Exception):
    """The template or the value of a parameter is invalid; the message states the reason."""


@dataclass(frozen=True)
class Template:
    """The CloudFormation template from SAM's transform, and the parameters' values."""

    resources: dict[str, dict[str, Any]]
    parameters: dict[str, str]
    conditions: dict[str, Any]
    outputs: dict[str, Any]
    declared: dict[str, Any]
    region: str

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of one type, such as AWS::SQS::Queue, by logical id."""
        return {name: one for name, one in self.resources.items() if one["Type"] == kind}


def read(path: Path, region: str, given: Mapping[str, str], forced: Mapping[str, str]) -> Template:
    """Transform a SAM template.

    Parameters
    ----------
    path
        The template.
    region
        The AWS region of the stack.
    given
        Values for parameters, checked as by CloudFormation.
    forced
        The platform's own values for parameters that the template has; unchecked, and unknown to
        the transform.

    Raises
    ------
    TemplateError
        If the template cannot be transformed, or a value is not allowed for its parameter.
    """
    source = parse(path.read_text(encoding="utf-8"))
    declared = source.get("Parameters", {})
    values = _values(declared, given)
    _point_at_folders(source)
    try:
        made = transform.transformed(source, values, region, path.parent / _TRANSFORMED)
    except transform.TransformError as error:
        raise TemplateError(f"{path.name}: {error}") from error
    return Template(
        resources=made["Resources"],
        parameters=values | {name: forced[name] for name in forced.keys() & declared},
        conditions=made.get("Conditions", {}),
        outputs=made.get("Outputs", {}),
        declared=declared,
        region=region,
    )


def parse(text: str) -> Any:
    """Return a template's YAML as JSON values: the short form of a function as the long one."""
    loader = _Loader(text)
    try:
        return json.loads(json.dumps(loader.get_single_data(), default=str))
    finally:
        loader.dispose()


def _point_at_folders(source: dict[str, Any]) -> None:
    """Replace folders by S3 locations, which the transform requires; the key is the folder."""
    places = [source.get("Globals", {}).get(kind, {}) for kind in ("Function", "LayerVersion")]
    places += [one.get("Properties", {}) for one in source["Resources"].values()]
    for properties in places:
        for name in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(name), str):
                properties[name] = {"Bucket": "local", "Key": properties[name]}


def _values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(
            f"no such parameter: {', '.join(unknown)}; expected {', '.join(sorted(declared))}"
        )
    values = {}
    for name, parameter in declared.items():
        if name in given:
            _check(name, given[name], parameter)
            values[name] = given[name]
        elif "Default" in parameter:
            values[name] = str(parameter["Default"])
        else:
            raise TemplateError(f"the parameter {name} has no default; pass {name}=VALUE")
    return values


def _check(name: str, value: str, parameter: Mapping[str, Any]) -> None:
    allowed = [str(one) for one in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise TemplateError(f"{name} must be one of {', '.join(allowed)}")
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value, re.DOTALL):
        wanted = parameter.get("ConstraintDescription", parameter.get("AllowedPattern"))
        raise TemplateError(f"{name} must be {wanted}")
    if len(value) > int(parameter.get("MaxLength", len(value))):
        raise TemplateError(f"{name} must have at most {parameter['MaxLength']} characters")
    if parameter["Type"] == "Number":
        _check_number(name, value, parameter)


def _check_number(name: str, value: str, parameter: Mapping[str, Any]) -> None:
    try:
        number = float(value)
    except ValueError:
        raise TemplateError(f"{name} must be a number") from None
    low, high = parameter.get("MinValue", number), parameter.get("MaxValue", number)
    if not float(low) <= number <= float(high):
        raise TemplateError(f"{name} must be between {low} and {high}")


class Resolver:
    """Evaluator of intrinsic functions, for use after the resources were created.

    Parameters
    ----------
    template
        The transformed template.
    names
        The values of ``Ref``, by logical id.
    attributes
        The values of ``Fn::GetAtt``, by logical id and attribute.
    """

    def __init__(
        self,
        template: Template,
        names: Mapping[str, str],
        attributes: Mapping[tuple[str, str], str],
    ) -> None:
        self._template = template
        self._attributes = attributes
        self._names = {
            **template.parameters,
            **names,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": template.region,
            "AWS::StackName": STACK,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def resolve(self, value: Any) -> Any:
        """Return a value of the template with every intrinsic function evaluated.

        Raises
        ------
        TemplateError
            If it refers to a resource that does not exist locally, or to an unsupported function.
        """
        result = self._resolve(value)
        return None if result is _NO_VALUE else result

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [one for one in map(self._resolve, value) if one is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        pairs = ((key, self._resolve(one)) for key, one in value.items())
        return {key: one for key, one in pairs if one is not _NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda a: a[0].join(str(one) for one in self._resolve(a[1])),
            "Fn::Select": lambda a: self._resolve(a[1])[int(self._resolve(a[0]))],
            "Fn::Split": lambda a: self._resolve(a[1]).split(a[0]),
            "Fn::If": lambda a: self._resolve(a[1] if self.holds(a[0]) else a[2]),
        }
        if name not in functions:
            raise TemplateError(f"the local platform does not support {name}")
        return functions[name](argument)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name not in self._names:
            raise TemplateError(f"the local platform has no resource for Ref {name}")
        return self._names[name]

    def _get_att(self, argument: Any) -> str:
        logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        try:
            return self._attributes[logical, attribute]
        except KeyError:
            raise TemplateError(f"the local platform has no {logical}.{attribute}") from None

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replace(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return str(self._resolve(own[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _VARIABLE.sub(replace, text)

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is true."""
        return self._condition(self._template.conditions[condition])

    def _condition(self, value: Any) -> bool:
        name, argument = next(iter(value.items()))
        if name == "Condition":
            return self.holds(argument)
        if name == "Fn::Equals":
            left, right = (self._resolve(one) for one in argument)
            return str(left) == str(right)
        answers = [self._condition(one) for one in argument]
        if name == "Fn::Not":
            return not answers[0]
        if name == "Fn::And":
            return all(answers)
        if name == "Fn::Or":
            return any(answers)
        raise TemplateError(f"the local platform does not support the condition function {name}")
