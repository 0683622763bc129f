"""`make demo POSTGRES=1`: the demo on a PostgreSQL cluster of its own."""

from __future__ import annotations

import os
import sys

from service.cli import demo
from tests.postgresql import cluster, find_program


def main() -> int:
    """Run the demo; the cluster ends with it, and its data with the cluster."""
    initdb = find_program("initdb")
    if initdb is None:
        sys.exit(
            "PostgreSQL's server programs (initdb, postgres) are not installed; install them "
            "(Debian: apt-get install postgresql), or run the demo on SQLite: make demo"
        )
    with cluster(initdb) as running, running.database() as url:
        os.environ["ACTIVATION_SEARCH_DATABASE_URL"] = url
        return demo.main()


if __name__ == "__main__":
    sys.exit(main())
