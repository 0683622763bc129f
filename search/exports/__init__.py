"""The winner taken home: files that run, or can be trained again, without this service.

Imports `prediction`, `networks`, `activations`, `data` and `study`. An archive and the facts of its
study go in, one file comes out. Libraries of a format are imported when it is written.
"""
