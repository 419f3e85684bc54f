"""An emulated AWS: API Gateway, Lambda and event sources of our own, and moto for the rest."""
