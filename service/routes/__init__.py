"""The routes, a module a noun: parse, call, shape."""
