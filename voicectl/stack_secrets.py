"""Read and merge the stack's two secrets; a secret is never overwritten as a whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voicectl.stack import DeployedStack


def read(stack: DeployedStack, arn: str) -> dict[str, str]:
    """Return a secret's fields.

    Raises
    ------
    VoicectlError
        If it is not a JSON object of strings.
    """
    return _parse(stack.aws("secretsmanager").get_secret_value(SecretId=arn))


def changed_at(stack: DeployedStack, arn: str) -> datetime:
    """Return when the current value of a secret was stored."""
    found: datetime = stack.aws("secretsmanager").get_secret_value(SecretId=arn)["CreatedDate"]
    return found


def merge(stack: DeployedStack, arn: str, fields: Mapping[str, str]) -> bool:
    """Set some fields of a secret, and leave the others as they are now.

    Returns
    -------
    bool
        Whether anything changed.

    Raises
    ------
    VoicectlError
        If the secret is not a JSON object of strings.
    """
    client = stack.aws("secretsmanager")
    # Read immediately before the write, since another process may have rotated a field.
    present = _parse(client.get_secret_value(SecretId=arn))
    merged = {**present, **fields}
    if merged == present:
        return False
    client.put_secret_value(SecretId=arn, SecretString=json.dumps(merged))
    return True


def _parse(response: Mapping[str, str]) -> dict[str, str]:
    try:
        value = json.loads(response.get("SecretString", ""))
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise VoicectlError(
            f"the secret {response.get('Name', '')} is not a JSON object of strings. Fix it in"
            " Secrets Manager."
        )
    return value
