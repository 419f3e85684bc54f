"""The switchboard as its owner reads and writes it; what it says is in `voicekit.switchboard`.

A document is stored only if the functions that answer callers can read it: their own code judges
it. Secrets Manager keeps the version before, which is put back like any other document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from voicekit.switchboard import SwitchboardError, parse
from voicekit.webhook import BadRequest, json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class DialingDisabled(Exception):
    """All dialling is switched off."""


class SwitchboardInvalid(Exception):
    """The document that is stored is no switchboard, so nobody knows whether dialling is off."""


class VersionConflict(Exception):
    """Another version is stored than the one that was to be changed."""


class SwitchboardVersion(NamedTuple):
    """A document that is or was stored.

    Attributes
    ----------
    version
        What Secrets Manager calls it.
    since
        When it was stored, UTC.
    text
        The document as it was given.
    """

    version: str
    since: str
    text: str


class SwitchboardSecret:
    """The secret with the switchboard.

    Parameters
    ----------
    client
        boto3's client of Secrets Manager.
    secret_id
        The name or ARN of the secret.
    flows
        Gives the names of the flows that there are.
    """

    def __init__(self, client: Any, secret_id: str, flows: Callable[[], Collection[str]]) -> None:
        self._client = client
        self._secret_id = secret_id
        self._flows = flows

    def current(self) -> SwitchboardVersion:
        """Give the document that holds."""
        return self._get("AWSCURRENT")

    def previous(self) -> SwitchboardVersion | None:
        """Give the document that held before, None where there was none."""
        try:
            return self._get("AWSPREVIOUS")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None

    def describe(self, version: SwitchboardVersion) -> dict[str, Any]:
        """Give a version with its document, or its text where that is none, and its faults."""
        document: Any
        try:
            document = json_object(version.text, "the document")
        except BadRequest:
            document = version.text
        problems: list[tuple[str, str]] = []
        try:
            parse(version.text, self._flows())
        except SwitchboardError as error:
            problems = error.problems
        return {
            "version": version.version,
            "since": version.since,
            "document": document,
            "problems": [{"field": where, "reason": what} for where, what in problems],
        }

    def put(self, text: str, instead_of: str | None) -> SwitchboardVersion:
        """Store a document.

        Nothing is written where the same document holds already, so that a request that is sent
        again leaves the version before as it is.

        Parameters
        ----------
        text
            The document.
        instead_of
            The version that holds now, as far as whoever wrote the document knows; None where any
            may be replaced. Secrets Manager cannot look and write in one step: of two who write
            within the same moment, both may be told that they did.

        Raises
        ------
        SwitchboardError
            If it is no switchboard.
        BoardChanged
            If another version holds.
        """
        parse(text, self._flows())
        held = self.current()
        if text == held.text:
            return held
        if instead_of not in (None, held.version):
            raise VersionConflict
        # boto3 makes a token for this one version, so an attempt that is repeated makes no other.
        self._client.put_secret_value(SecretId=self._secret_id, SecretString=text)
        return self.current()

    def require_dialing(self) -> None:
        """See whether telephones may be called, by what is stored at this moment.

        Raises
        ------
        SwitchedOff
            If they may not.
        BoardUnusable
            If that cannot be told.
        """
        try:
            board = parse(self.current().text, self._flows())
        except SwitchboardError as error:
            raise SwitchboardInvalid(
                "the switchboard is broken: look at GET /switchboard"
            ) from error
        if not board.dialling:
            raise DialingDisabled

    def _get(self, stage: str) -> SwitchboardVersion:
        found = self._client.get_secret_value(SecretId=self._secret_id, VersionStage=stage)
        since = found["CreatedDate"].strftime("%Y-%m-%dT%H:%M:%SZ")
        return SwitchboardVersion(found["VersionId"], since, found.get("SecretString", ""))
