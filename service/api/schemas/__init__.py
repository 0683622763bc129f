"""The wire format: what the routes take and answer, as pydantic models."""
