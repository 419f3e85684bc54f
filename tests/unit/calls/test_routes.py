"""The admin API serves the route that API Gateway matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from calls.routes import ROUTES
from local.aws.template import read
from tests.support.gateway_events import DOMAIN, http_event
from tests.unit.calls.api_harness import LEG, ROOT

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

IAM = {"iam": {"userArn": "arn:aws:iam::123456789012:user/operator"}}


def test_the_routes_of_the_template_are_the_routes_of_the_function() -> None:
    (api,) = (
        read(ROOT / "template.yaml", "eu-west-2", {}, {}).of_type("AWS::ApiGatewayV2::Api").values()
    )
    integrated = {
        f"{method.upper()} {path}"
        for path, methods in api["Properties"]["Body"]["paths"].items()
        for method, operation in methods.items()
        if "CallsFunction" in str(operation["x-amazon-apigateway-integration"])
    }
    assert integrated == set(ROUTES)


@pytest.mark.parametrize("prefix", ["", "/v1", "/voice/v1"])
def test_the_path_before_the_route_is_part_of_the_base_url(api: ApiHarness, prefix: str) -> None:
    event = http_event("PUT", f"{prefix}/calls/{LEG}/input/dtmf")
    event["routeKey"] = "PUT /calls/{uuid}/input/dtmf"
    event["pathParameters"] = {"uuid": LEG}
    event["requestContext"]["authorizer"] = IAM
    assert api.invoke(event).status == 204
    url = f"https://{DOMAIN}{prefix}/webhooks/event"
    assert api.vonage.requests[0].body == {"event_url": [url]}


def test_only_the_matched_route_is_reached(api: ApiHarness) -> None:
    event = http_event("POST", "/calls", body=b"{}")
    event["routeKey"] = "GET /switchboard"
    event["requestContext"]["authorizer"] = IAM
    assert api.invoke(event).body["document"] == {}
