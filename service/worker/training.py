"""What trains the studies of a worker: one row for each executor that a deployment may choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from importlib.util import find_spec

from search.errors import InvalidInput
from search.training.backend import Backend, cluster_backend, usable_backend
from search.training.executors import local_pool
from service.settings import ExecutorName, Settings


def open_executor(settings: Settings) -> tuple[Executor, Backend]:
    """Return the executor that `settings` ask for, and what its processes train on.

    Raises InvalidInput where it, the device or the engine is not to be had.
    """
    return _OPENERS[settings.executor](settings)


def _open_local(settings: Settings) -> tuple[Executor, Backend]:
    backend = usable_backend(
        settings.device, settings.engine, tf32=settings.tf32, ahead=settings.ahead
    )
    return local_pool(settings.processes, backend), backend


def _open_ray(settings: Settings) -> tuple[Executor, Backend]:
    backend = cluster_backend(
        settings.device,
        settings.engine,
        gpus=settings.ray_gpus,
        tf32=settings.tf32,
        ahead=settings.ahead,
    )
    if find_spec("ray") is None:
        raise InvalidInput(
            "executor 'ray' needs Ray, which is not installed; install it "
            "(pip install 'activation-search[ray]'), or choose executor local"
        )
    # Imported here because Ray may be missing, and takes a second to load.
    from search.training.ray_executor import RayExecutor  # noqa: PLC0415

    return RayExecutor(backend, cpus=settings.ray_cpus, gpus=settings.ray_gpus), backend


_OPENERS: Mapping[ExecutorName, Callable[[Settings], tuple[Executor, Backend]]] = {
    ExecutorName.LOCAL: _open_local,
    ExecutorName.RAY: _open_ray,
}
