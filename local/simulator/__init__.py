"""A simulated Vonage Voice platform: REST API, call engine, webhooks, recordings, faults.

It shares no code with the application that is tried on it: it is a second reading of the rules.
"""

from .settings import Callee, SimulatorSettings, Webhook
from .simulator import Simulator

__all__ = ["Callee", "Simulator", "SimulatorSettings", "Webhook"]
