"""One network on paper: configuration, parameters, first weights, loss, optimizer and cost.

Imports `activations`, `space.initializers`, `data.fold_arrays` and `study`; the first package that
needs torch, so it exports nothing. A configuration goes in; layouts, weights and rules come out.
"""
