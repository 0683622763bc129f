"""What stands before every route: keys, hosts, origins, headers and limits of the service."""
