"""Walks every path of a caller through a flow, draws it, and says what is wrong with it.

The flow runs as it is deployed, in the functions' own processes; its NCCOs are read as the
simulated Vonage reads them.
"""
