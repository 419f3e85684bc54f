"""Compare requests and responses of the admin API with its OpenAPI document."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tests.openapi.document import document

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_exchange(
    route: str, request: bytes | None, status: int, headers: Mapping[str, str], text: str
) -> None:
    """Fail unless the document describes a response, and the body of an accepted request.

    Parameters
    ----------
    route
        The route key, such as ``GET /calls/{uuid}``.
    request
        The body of the request.
    status, headers, text
        The response; header names are in lower case.
    """
    operation = _operations()[route]
    assert str(status) in operation["responses"], f"{route} does not document {status}"
    response = _resolved(operation["responses"][str(status)])
    content = response.get("content")
    if content is None:
        assert text == "", f"{route} documents no body for {status}"
    else:
        media_type, body = headers["content-type"], json.loads(text)
        assert media_type in content, f"{route} does not document {media_type} for {status}"
        _check(content[media_type]["schema"], body)
        if media_type == "application/problem+json":
            assert (body["status"], body["code"] in response["x-codes"]) == (status, True), body
    if status < 300 and "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        _check(content["schema"], json.loads(request or b"{}"))


@functools.cache
def _document() -> dict[str, Any]:
    return document()


@functools.cache
def _operations() -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in _document()["paths"].items()
        for method, operation in operations.items()
    }


def _resolved(response: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in response:
        return response
    found: dict[str, Any] = _document()["components"]["responses"][response["$ref"].split("/")[-1]]
    return found


def _check(schema: dict[str, Any], value: object) -> None:
    errors = [error.message for error in _validator(json.dumps(schema)).iter_errors(value)]
    assert not errors, errors


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    root = {"allOf": [json.loads(schema)], "components": _document()["components"]}
    return Draft202012Validator(root)
