"""The routes: each parses by a schema, calls a repository and answers by a schema.

Imports the schemas and the services beside this package, `storage`, and of `search` what needs no
torch. A request goes in, a model or an error of `search.errors` comes out.
"""
