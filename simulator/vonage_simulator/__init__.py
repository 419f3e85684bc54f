"""A simulated Vonage Voice platform: REST API, call engine, webhooks, recordings, faults.

It shares no code with the application that is tried on it: it is a second reading of the rules.
"""

from .server import Simulator
from .settings import CalleeBehavior, SimulatorSettings, WebhookTarget

__all__ = ["CalleeBehavior", "Simulator", "SimulatorSettings", "WebhookTarget"]
