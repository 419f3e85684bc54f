"""Authenticate API clients: application tokens (RS256) and basic credentials."""

import base64
import binascii
import hmac
from typing import TypeGuard

import jwt

from .account import Application, SimulatedAccount
from .errors import unauthorized

# What the token of a Client SDK user allows (JWT and ACL guide).
CLIENT_PATHS = tuple(
    f"/*/{name}/**"
    for name in (
        "users",
        "conversations",
        "sessions",
        "devices",
        "image",
        "media",
        "applications",
        "push",
        "knocking",
        "legs",
    )
)
LONGEST_LIFE = 24 * 3600
# How far ahead a client's clock can be; no page gives the value.
CLOCK_SKEW = 30


def application_of(account: SimulatedAccount, header: str | None, now: float) -> Application:
    """Return the application that a bearer token belongs to.

    Raises
    ------
    ApiError
        401, whichever part is invalid: algorithm, signature, application, iat, exp, jti.
    """
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("the request has no bearer token")
    try:
        unverified = jwt.decode(token, options={"verify_signature": False})
        application = account.applications.get(str(unverified.get("application_id")))
        if application is None:
            raise unauthorized("the token's application_id is not that of an application")
        claims = jwt.decode(
            token,
            application.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidSignatureError as error:
        raise unauthorized("the token is signed with another key than the application's") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise unauthorized(f"the token is not valid: {error}") from error
    issued, expires, starts = claims.get("iat"), claims.get("exp"), claims.get("nbf")
    if not _is_time(issued) or issued > now + CLOCK_SKEW:
        raise unauthorized("the token's iat is not a past time")
    if not claims.get("jti"):
        raise unauthorized("the token has no jti")
    # Without exp, a token is valid for 15 minutes (authentication guide).
    ends = issued + 900 if expires is None else expires
    if not _is_time(ends) or ends <= now:
        raise unauthorized("the token has expired")
    if ends - issued > LONGEST_LIFE:
        raise unauthorized("the token is valid for more than 24 hours")
    if starts is not None and (not _is_time(starts) or starts > now + CLOCK_SKEW):
        raise unauthorized("the token is not valid yet: nbf")
    return application


def client_token_problems(application: Application, token: str) -> list[str]:
    """Return why a valid token of an application cannot be that of a Client SDK user."""
    claims = jwt.decode(token, options={"verify_signature": False})
    problems = []
    user = claims.get("sub")
    if user not in [one.name for one in application.users.values()]:
        problems.append(f"sub is {user!r}: it must be the name of a user of the application")
    acl = claims.get("acl")
    paths = acl.get("paths") if isinstance(acl, dict) else None
    if not isinstance(paths, dict) or not all(isinstance(one, dict) for one in paths.values()):
        problems.append("acl must be an object with an object in paths, whose values are objects")
    else:
        problems += [f"acl.paths lacks {path}" for path in CLIENT_PATHS if path not in paths]
    return problems


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_basic(account: SimulatedAccount, header: str | None, query: dict[str, str]) -> bool:
    """Return whether the account's key and secret are in the header or the query."""
    key, secret = query.get("api_key", ""), query.get("api_secret", "")
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        key, _, secret = decoded.partition(":")
    is_key_valid = hmac.compare_digest(key.encode(), account.api_key.encode())
    is_secret_valid = hmac.compare_digest(secret.encode(), account.api_secret.encode())
    return is_key_valid and is_secret_valid
