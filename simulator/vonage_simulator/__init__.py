"""A simulated Vonage Voice platform: REST API, NCCO runner, webhooks, recordings, faults.

It shares no code with the application under test: it is a second, independent reading of Vonage's
rules.
"""

__version__ = "0.1.0"

from .server import Simulator
from .settings import CalleeBehavior, SimulatorSettings, WebhookTarget

__all__ = ["CalleeBehavior", "Simulator", "SimulatorSettings", "WebhookTarget", "__version__"]
