"""What a study found, computed from its records: summary, importances, verdict.

Imports `activations`, `space`, `metrics`, `data.datasets` and `study`; no torch. Recorded trials
and runs go in, values for the results come out. Modules bear the names of their functions, so
nothing is exported here.
"""
