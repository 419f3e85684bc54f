"""Read, validate and replace the switchboard document in Secrets Manager.

`voicekit.switchboard` defines the document. Only a document that the webhook functions can read is
stored: their own parser validates it. Secrets Manager keeps the previous version.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from voicekit.lines import line_problems
from voicekit.switchboard import SwitchboardError, parse, stored_form
from voicekit.webhook_fields import BadRequest, json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from voicekit.settings import StackSettings


class DialingDisabled(Exception):
    """The switchboard turns outbound dialing off."""


class SwitchboardInvalid(Exception):
    """The stored document is invalid, so it is unknown whether dialing is off."""


class VersionConflict(Exception):
    """The stored version is not the one that the request names."""


class SwitchboardVersion(NamedTuple):
    """A document that is or was stored.

    Attributes
    ----------
    version
        Its version id in Secrets Manager.
    since
        When it was stored, UTC.
    text
        The document.
    """

    version: str
    since: str
    text: str


class SwitchboardSecret:
    """The secret with the switchboard.

    Parameters
    ----------
    client
        The Secrets Manager client of boto3.
    settings
        The settings of the stack: which secret it is, and which business lines are valid.
    flows
        Returns the names of the flows.
    """

    def __init__(
        self, client: Any, settings: StackSettings, flows: Callable[[], Collection[str]]
    ) -> None:
        self._client = client
        self._secret_id = settings.switchboard_secret_id
        self._check_line = functools.partial(line_problems, settings=settings)
        self._flows = flows

    def current(self) -> SwitchboardVersion:
        """Return the current document."""
        return self._get("AWSCURRENT")

    def previous(self) -> SwitchboardVersion | None:
        """Return the previous document, or None."""
        try:
            return self._get("AWSPREVIOUS")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None

    def describe(self, version: SwitchboardVersion) -> dict[str, Any]:
        """Return a version as JSON: its document (its text if that is not JSON), and problems."""
        document: Any
        try:
            document = json_object(version.text, "the document")
        except BadRequest:
            document = version.text
        problems: list[tuple[str, str]] = []
        try:
            parse(version.text, self._flows(), self._check_line)
        except SwitchboardError as error:
            problems = error.problems
        return {
            "version": version.version,
            "since": version.since,
            "document": document,
            "problems": [{"field": field, "reason": reason} for field, reason in problems],
        }

    def put(self, text: str, expected_version: str | None) -> SwitchboardVersion:
        """Store a document.

        If the same document is stored already, nothing is written, so a repeated request keeps
        the previous version.

        Parameters
        ----------
        text
            The document.
        expected_version
            The version to replace; None for any. Secrets Manager cannot compare and write in one
            step: two writes at the same moment can both succeed.

        Raises
        ------
        SwitchboardError
            If the document is invalid.
        VersionConflict
            If another version is stored.
        """
        text = stored_form(text, self._flows(), self._check_line)
        stored = self.current()
        if text == stored.text:
            return stored
        if expected_version not in (None, stored.version):
            raise VersionConflict
        # boto3 sends one client request token with all attempts, so a retry adds no version.
        self._client.put_secret_value(SecretId=self._secret_id, SecretString=text)
        return self.current()

    def require_dialing(self) -> None:
        """Raise DialingDisabled if the stored switchboard turns dialing off.

        Raises
        ------
        DialingDisabled
            If it does.
        SwitchboardInvalid
            If the stored document is invalid.
        """
        try:
            switchboard = parse(self.current().text, self._flows())
        except SwitchboardError as error:
            raise SwitchboardInvalid("the switchboard is invalid: see GET /switchboard") from error
        if not switchboard.dialing:
            raise DialingDisabled

    def _get(self, stage: str) -> SwitchboardVersion:
        secret = self._client.get_secret_value(SecretId=self._secret_id, VersionStage=stage)
        since = secret["CreatedDate"].strftime("%Y-%m-%dT%H:%M:%SZ")
        return SwitchboardVersion(secret["VersionId"], since, secret.get("SecretString", ""))
