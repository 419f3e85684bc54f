"""Users API: the Client SDK users of an application, and the check of their tokens."""

from typing import Any

import pytest

from tests.simulator.harness import CLIENT_ACL, SimulatorHarness, SimulatorResponse


async def create(harness: SimulatorHarness, **fields: Any) -> SimulatorResponse:
    return await harness.api("POST", "/v1/users", fields)


async def check(harness: SimulatorHarness, **claims: Any) -> Any:
    """Return what the check of a token says."""
    token = harness.token(**claims)
    return (await harness.control("POST", "/tokens", {"token": token})).json


@pytest.mark.parametrize("path", ["/v1/users", "/v0.3/users"])
async def test_a_user_is_created_read_changed_and_deleted(
    harness: SimulatorHarness, path: str
) -> None:
    body = {"name": "jo", "display_name": "Jo", "properties": {"custom_data": {"a": 1}}, "x": 1}
    created = await harness.api("POST", path, body)
    assert created.status == 201
    one = f"{path}/{created.json['id']}"
    assert created.json["_links"]["self"]["href"].endswith(f"/v1/users/{created.json['id']}")
    changed = await harness.api("PATCH", one, {"display_name": "Joe"})
    assert (changed.status, changed.json["display_name"]) == (200, "Joe")
    read = (await harness.api("GET", one)).json
    assert (read["name"], read["properties"]) == ("jo", {"custom_data": {"a": 1}})
    assert (await harness.api("DELETE", one)).status == 204
    missing = await harness.api("GET", one)
    assert (missing.status, missing.json["code"]) == (404, "user:error:not-found")


async def test_a_user_without_a_name_gets_one(harness: SimulatorHarness) -> None:
    assert (await create(harness)).json["name"].startswith("NAM-")
    assert (await harness.api("POST", "/v1/users")).status == 201


async def test_a_name_is_used_once(harness: SimulatorHarness) -> None:
    await create(harness, name="jo")
    other = (await create(harness, name="al")).json["id"]
    for response in (
        await create(harness, name="jo"),
        await harness.api("PATCH", f"/v1/users/{other}", {"name": "jo"}),
    ):
        assert (response.status, response.json["code"]) == (400, "user:error:duplicate-name")


async def test_pages_of_users_are_linked_with_absolute_urls(harness: SimulatorHarness) -> None:
    for name in ("a", "b", "c"):
        await create(harness, name=name)
    first = (await harness.api("GET", "/v1/users?page_size=2&order=DESC")).json
    assert [user["name"] for user in first["_embedded"]["users"]] == ["c", "b"]
    url = first["_links"]["next"]["href"]
    path = url.removeprefix(harness.simulator.tls_url)
    assert path.startswith("/v1/users?")
    second = (await harness.api("GET", path)).json
    assert [user["name"] for user in second["_embedded"]["users"]] == ["a"]
    assert set(second["_links"]) == {"self", "first", "prev"}


async def test_users_are_found_by_name(harness: SimulatorHarness) -> None:
    for name in ("a", "b"):
        await create(harness, name=name)
    found = (await harness.api("GET", "/v1/users?name=b")).json["_embedded"]["users"]
    assert [user["name"] for user in found] == ["b"]


@pytest.mark.parametrize("body", [{"name": 5}, {"properties": []}, {"image_url": {}}])
async def test_invalid_fields_are_400(harness: SimulatorHarness, body: dict[str, Any]) -> None:
    response = await harness.api("POST", "/v1/users", body)
    assert (response.status, response.json["code"]) == (400, "http:error:validation-fail")


async def test_the_api_requires_a_token(harness: SimulatorHarness) -> None:
    assert (await harness.request("GET", "/v1/users")).status == 401


async def test_the_token_of_a_user_is_valid(harness: SimulatorHarness) -> None:
    await create(harness, name="jo")
    assert await check(harness, sub="jo", acl=CLIENT_ACL) == {
        "valid": True,
        "application_id": harness.simulator.application_id,
        "problems": [],
    }


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"sub": "al", "acl": CLIENT_ACL}, "sub is 'al': it must be the name of a user"),
        ({"acl": CLIENT_ACL}, "sub is None: it must be the name of a user"),
        ({"sub": "jo"}, "acl must be an object"),
        ({"sub": "jo", "acl": {"paths": ["/*/users/**"]}}, "acl must be an object"),
        (
            {"sub": "jo", "acl": {"paths": {**CLIENT_ACL["paths"], "/*/legs/**": 1}}},
            "acl must be an",
        ),
        ({"sub": "jo", "acl": {"paths": {"/*/rtc/**": {}}}}, "acl.paths lacks /*/users/**"),
        ({"sub": "jo", "acl": CLIENT_ACL, "exp": 1}, "the token has expired"),
        ({"sub": "jo", "acl": CLIENT_ACL, "application_id": "x"}, "the token's application_id"),
    ],
)
async def test_the_check_of_a_token_names_each_problem(
    harness: SimulatorHarness, claims: dict[str, Any], problem: str
) -> None:
    await create(harness, name="jo")
    result = await check(harness, **claims)
    assert result["valid"] is False
    assert result["problems"][0].startswith(problem)


async def test_a_check_without_a_token_is_not_valid(harness: SimulatorHarness) -> None:
    for body in ({}, {"token": 5}):
        assert (await harness.control("POST", "/tokens", body)).json["valid"] is False
