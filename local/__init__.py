"""The local platform: the stack of template.yaml on this machine.

Nothing in this package is deployed, and nothing in it imports the application's code.
"""
