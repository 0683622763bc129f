"""The routes: each parses by a schema, calls a repository and answers by a schema."""
