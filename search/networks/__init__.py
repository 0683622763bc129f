"""One network: configuration, parameter layout, initial weights, loss, optimizer and cost.

Imports `activations`, `space.initializers`, `data.fold_arrays` and `study`. Needs torch, so nothing
is exported here. A configuration goes in; layouts, weights, losses and update rules come out.
"""
