"""The wire format: pydantic models, and the mapping to and from the plain values of a study."""
