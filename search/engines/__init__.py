"""The engines that train many networks as one, behind one protocol.

Imports `networks` and what that imports. Lanes and their data go in; losses, predictions, states
and layer statistics come out. `stacked` and `compiled` do not import each other.
"""
