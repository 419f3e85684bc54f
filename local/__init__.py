"""The local platform: what template.yaml deploys, on this machine alone.

Nothing here is deployed, and nothing here imports the application's code.
"""
