"""Tests of call flows: a telephone in the hand of a test, on the simulated Vonage.

The functions, the table and the bucket are those of the local platform, which is started once for a
test session. Its simulated time stands still and moves on only as a test acts, so that a call of a
minute takes some milliseconds, and the same test gives the same call. docs/flows.md shows how.
"""

from typing import TYPE_CHECKING

# For annotations alone: pytest loads this package at each start, and most runs ring nobody.
if TYPE_CHECKING:
    from local.testing.calls import Call as Call
    from local.testing.calls import Kept as Kept
    from local.testing.calls import Recording as Recording
    from local.testing.phone import Callee as Callee
    from local.testing.phone import Phone as Phone
