"""Tests of call flows: a telephone in the hand of a test, on the simulated Vonage.

The functions, the table and the bucket are those of the local platform, which is started once for a
test session. Its simulated time stands still and moves on only as a test acts, so that a call of a
minute takes some milliseconds, and the same test gives the same call. docs/flows.md shows how.
"""

from typing import TYPE_CHECKING

# For annotations alone: pytest loads this package at each start, and most runs ring nobody.
if TYPE_CHECKING:
    from local.testing.phone import Callee as Callee
    from local.testing.phone import Phone as Phone
    from local.testing.phone_call import PhoneCall as PhoneCall
    from local.testing.phone_call import Recording as Recording
    from local.testing.phone_call import StoredEvent as StoredEvent
