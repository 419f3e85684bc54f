"""The flow explorer: traverse every path through a flow, render the paths, and report problems.

The webhook functions run the flow as in a deployment. The simulator's parser reads the NCCOs.
"""
