"""The worker process: claims studies, runs them, records what happens.

Imports `search` and `storage`; not the API. Queued studies go in, recorded events come out.
"""
