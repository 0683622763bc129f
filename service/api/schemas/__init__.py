"""The wire format: what the routes take and answer, as pydantic models.

Imports the plain values of `search` and the rows of `storage`. JSON goes in and a `StudySpec` comes
out; records and stored results go in and JSON comes out. API.md has every field.
"""
