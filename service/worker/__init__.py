"""The worker process: claims studies, runs them, records their events.

Imports `search` and `storage`; not the API. Queued studies go in, recorded events come out.
"""
