"""The wiring: REST service, worker, dashboard, command line."""
