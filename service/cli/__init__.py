"""The command line: serve, work, run without a server, show what was found.

Imports `api` and `worker`, each where a command needs it. Arguments go in; text comes out.
"""
