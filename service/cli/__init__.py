"""The command line: serve, work, run a study without a server, show studies and results.

Imports `api` and `worker`, each inside the command that needs it. Arguments go in; text comes out.
"""
