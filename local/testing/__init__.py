"""Tests of call flows: a pytest plugin with a simulated phone.

The local platform runs the flow, and starts once per test session. The simulator's clock is paused
and advances only when a test acts. So a call of a minute takes milliseconds, and a test always gets
the same call. See docs/flows.md.
"""

from typing import TYPE_CHECKING

# Only for annotations: pytest loads this package at every start, and most runs need no phone.
if TYPE_CHECKING:
    from local.testing.agent import AgentMeasures as AgentMeasures
    from local.testing.agent import ScriptedAgent as ScriptedAgent
    from local.testing.phone import Callee as Callee
    from local.testing.phone import Mail as Mail
    from local.testing.phone import Phone as Phone
    from local.testing.phone_call import PhoneCall as PhoneCall
    from local.testing.phone_call import Recording as Recording
    from local.testing.phone_call import StoredEvent as StoredEvent
