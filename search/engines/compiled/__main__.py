"""Compile everything now, once a machine: `python -m search.engines.compiled`."""

from search.engines.compiled.warm_up import compile_all

if __name__ == "__main__":
    compile_all()
