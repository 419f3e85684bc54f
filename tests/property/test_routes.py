"""Every path against every route of the admin API: none reaches the operation of another route.

IAM policies name routes, so an operation that another path reaches is wider than its policy.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.routes import ROUTES, ApiResponse, make_handler
from calls.settings import from_environment
from local.aws.api_gateway import match
from local.aws.stack import Route
from local.aws.template import read
from tests.support.context import FakeLambdaContext
from tests.support.environment import stack
from tests.support.gateway_events import http_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEG = "63f61863-4a51-4f6b-86e1-46edebcf9356"
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")
CALLS_FUNCTION = "CallsFunction"


def routes_of_template() -> Iterator[Route]:
    template = read(Path(__file__).parents[2] / "template.yaml", "eu-west-2", {}, {})
    for api in template.of_type("AWS::ApiGatewayV2::Api").values():
        for path, methods in api["Properties"]["Body"]["paths"].items():
            for method, operation in methods.items():
                is_admin = CALLS_FUNCTION in str(operation["x-amazon-apigateway-integration"])
                function = CALLS_FUNCTION if is_admin else "another"
                yield Route(method.upper(), path, function, iam=is_admin, rate=None, burst=None)


GATEWAY_ROUTES = tuple(routes_of_template())
WORDS = sorted({part for route in GATEWAY_ROUTES for part in route.path.split("/")[1:]})
LITERALS = [word for word in WORDS if not word.startswith("{")]


def operation_of(key: str, reached: list[str]) -> Callable[..., ApiResponse]:
    def operation(_request: Any, **_parameters: str) -> ApiResponse:
        reached.append(key)
        return ApiResponse(204)

    return operation


SERVICES: Any = SimpleNamespace(
    settings=from_environment(
        stack()
        | {"APPLICATION_SECRET_ID": "a", "BUCKET_NAME": "b", "CALLS_PER_DAY": "1"}
        | {"FOREIGN_ANSWER_URLS": "refuse"}
    )
)
HANDLER = make_handler(lambda: SERVICES)


def reached_by(method: str, raw_path: str) -> list[str]:
    """Send a request through the local gateway's routing to the function, with its operations
    replaced, and return the operations that ran.
    """
    found = match(GATEWAY_ROUTES, method, raw_path)
    if found is None or found[0].function != CALLS_FUNCTION:
        return []
    route, parameters = found
    assert route.iam
    event = http_event(method, unquote(raw_path))
    event["routeKey"] = event["requestContext"]["routeKey"] = route.key
    event["pathParameters"] = parameters
    identity = {"userArn": "arn:aws:iam::123456789012:user/operator"}
    event["requestContext"]["authorizer"] = {"iam": identity}
    reached: list[str] = []
    with patch.dict(ROUTES, {key: operation_of(key, reached) for key in ROUTES}):
        status = HANDLER(event, FakeLambdaContext())["statusCode"]
    assert status in ((204,) if reached else (400,))
    return reached


def route_of(method: str, raw_path: str) -> list[str]:
    """Return the route that a path names: by its words, and a UUID for the parameter."""
    # An encoded slash is part of a segment; any other encoding is another spelling of the path.
    path = re.sub("%2[fF]", "\0", raw_path)
    uuid = "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
    return [
        key
        for key in ROUTES
        if re.fullmatch(key.replace("{uuid}", uuid), f"{method} {unquote(path)}")
    ]


@pytest.mark.parametrize("route", GATEWAY_ROUTES, ids=lambda route: str(route.key))
def test_every_path_reaches_only_its_own_route(route: Route) -> None:
    parts = [
        [LEG, LEG.replace("-", ""), "..", "..%2fswitchboard", f"{LEG}%2Ftalk", "", *LITERALS]
        if part.startswith("{")
        else [part]
        for part in route.path.split("/")
    ]
    for method, filled in product(METHODS, product(*parts)):
        for tail in ("", "/", "/talk", "/../switchboard"):
            path = "/".join(filled) + tail
            assert reached_by(method, path) == route_of(method, path), f"{method} {path}"


segments = st.sampled_from(
    [
        *LITERALS,
        LEG,
        LEG.upper(),
        LEG.replace("-", ""),
        "",
        ".",
        "..",
        "%2e%2e",
        "{uuid}",
        "%63alls",
    ]
    + [f"..%2f{word}" for word in LITERALS]
    + [f"{LEG}%2f{word}" for word in LITERALS]
    + [f"{word}%2F{LEG}" for word in LITERALS]
)


@given(
    method=st.sampled_from(METHODS),
    raw_path=st.lists(segments, max_size=5).map(lambda parts: "/" + "/".join(parts)),
)
def test_any_path_reaches_only_the_route_that_it_names(method: str, raw_path: str) -> None:
    assert reached_by(method, raw_path) == route_of(method, raw_path)
