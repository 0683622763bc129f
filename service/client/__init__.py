"""A client of the service: `from service.client import Client`.

    client = Client("http://localhost:8000")
    dataset = client.upload(frame, target="price")
    study = client.start(dataset["id"]).wait()
    study.verdict()["sentence"]
    study.plot_scores()

Imports httpx2, `search.analysis.figures` and `search.progress_bar`; nothing of the server.
"""

from service.client.client import Client
from service.client.connection import ServiceError
from service.client.study import Study

__all__ = ["Client", "ServiceError", "Study"]
