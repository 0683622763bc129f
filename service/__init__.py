"""The wiring: REST service, worker, dashboard, command line.

Imports `storage` and `search`; nothing imports it. Requests and commands come in, studies go to the
database, from which the worker takes them. `settings`, `logs` and `stored_datasets` are what the
packages share; nothing is exported here.
"""
