"""The REST service: routes, schemas, problems, dashboard.

Imports `search` without torch, `storage` and the modules beside this package; not the worker.
Requests go in, JSON after the wire format comes out.
"""
