"""The worker: claims a study, runs it, records its events, and claims the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager, suppress
from threading import Event as Flag
from time import monotonic
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from search.analysis.live_results import LiveResults
from search.data.datasets import Dataset
from search.driver import run_study
from search.errors import LeaseLost, NotFound, SearchError
from search.gc_freeze import freeze_loaded_objects
from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Control,
    Event,
    OutsideTrial,
    Phase,
    PhaseStarted,
    ProgressMade,
    Stop,
    StudyEnded,
    StudyResults,
    StudySpec,
    StudyState,
    TrialRecord,
    TrialRequest,
    TrialsChanged,
)
from search.training.backend import PROCESSOR, Backend
from search.training.measured import MeasuredExecutor
from service.logs import get_log
from service.settings import Settings
from service.stored_datasets import load_dataset
from service.worker.heartbeat import repeated
from service.worker.names import new_name
from service.worker.patience import Patience
from service.worker.watchdog import LOOK_S, Watchdog
from storage import Database, DatabaseAway, Datasets, Queue, Recorder, Results, Studies, Wakeups
from storage.measurements import SEGMENT_BOUNDS, Measurements
from storage.rows.study_rows import StudyRow
from storage.wakeups import QUEUE

#: Renewals of a lease, and heartbeats, in the time after which the lease would run out.
RENEWALS_PER_LEASE = 3
#: The results document is made anew at most this often, since that reads every trial.
DOCUMENT_S = 1.0
#: Making it takes at most this share of the worker's time, however many trials there are.
DOCUMENT_SHARE = 0.02
#: Requests to a study are read at most this often; the driver asks at every rung.
CONTROL_POLL_S = 0.1
#: Seconds between two looks at the queue by an idle worker that is told of new studies.
HEARD_POLL_S = 2.0
#: Events that are written at once, with all events before them.
FLUSH_ON = (ProgressMade, PhaseStarted)


class Driver(Protocol):
    """A function that runs a study, as `search.driver.run_study` does."""

    def __call__(
        self,
        spec: StudySpec,
        dataset: Dataset,
        *,
        history: Sequence[TrialRecord],
        requests: Sequence[TrialRequest],
        outside: Sequence[OutsideTrial],
        confirmations: Sequence[ConfirmationRun],
        control: Callable[[], Control],
        executor: Executor | None,
        backend: Backend,
    ) -> Iterator[Event]:
        """Yield the events of the study, a StudyEnded last."""


class PoolBroken(SearchError):
    """A training process died, and with it the pool; the worker ends."""

    def __init__(self, reason: str | None = None) -> None:
        why = reason or "a training process was killed, most likely for want of memory"
        super().__init__(f"{why}; the worker ends, and the study is taken up again by the next one")


class StopRequested(Exception):
    """The worker was told to stop and puts its study back into the queue."""


class Worker:
    """Runs studies of one database, one at a time, each on a pool of processes."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        executor: Executor,
        *,
        backend: Backend = PROCESSOR,
        run: Driver = run_study,
    ) -> None:
        self._settings = settings
        self._run = run
        self._id = new_name()
        self._database = database
        self._segments = Measurements(SEGMENT_BOUNDS)
        self._executor = MeasuredExecutor(executor, self._segments.add)
        self._backend = backend
        self._queue = Queue(database)
        self._studies = Studies(database)
        self._datasets = Datasets(database)
        self._stopping = Flag()
        #: Set while the study at hand is to be cancelled.
        self._cancelling = Flag()
        self._watchdog = Watchdog(
            in_flight=lambda: self._executor.in_flight,
            ended=lambda: self._executor.ended,
            is_stopping=lambda: self._stopping.is_set() or self._cancelling.is_set(),
        )
        #: Set where an idle worker has to look again.
        self._idle = Flag()
        self._patience = Patience(self._stopping)
        self._log = get_log(__name__, worker=self._id)

    def stop(self) -> None:
        """Ask the worker to put its study back and return; safe in a signal handler."""
        self._stopping.set()
        self._idle.set()

    def run(self, *, until_idle: bool = False, only: str | None = None) -> None:
        """Work until stopped, or until the queue is empty; PoolBroken once there is no pool.

        With `only`, on no other study than that.
        """
        with (
            self._heartbeat(),
            self._watchdog.watching(),
            Wakeups(self._database, self._hear) as wakeups,
        ):
            freeze_loaded_objects()
            while not self._stopping.is_set():
                if self._watchdog.reason is not None:
                    raise PoolBroken(self._watchdog.reason)
                study = self._claim(only)
                if study is not None:
                    self._run_one(study)
                    freeze_loaded_objects()  # objects that stay loaded are scanned no more
                elif until_idle:
                    return
                else:
                    # Told of new studies it looks for those whose worker was lost, now and then.
                    seconds = self._settings.queue_poll_seconds
                    self._idle.wait(max(seconds, HEARD_POLL_S) if wakeups.is_heard else seconds)
                self._idle.clear()

    def _hear(self, channel: str, _study_id: str) -> None:
        if channel == QUEUE:
            self._idle.set()

    def _claim(self, only: str | None) -> StudyRow | None:
        def claim() -> StudyRow | None:
            return self._queue.claim(self._id, self._settings.lease_seconds, only=only)

        try:
            return self._patience.call(claim)
        except DatabaseAway:
            return None  # told to stop

    def _run_one(self, study: StudyRow) -> None:
        log = get_log(__name__, worker=self._id, study_id=study.id)
        log.info("claimed", dataset=study.dataset, trials=study.spec.budget.trials)
        try:
            with self._lease_renewal(study.id) as lost:
                state = self._record(study, lost)
            log.info("released", state=state)
        except LeaseLost as error:
            log.warning("another worker took the study over", reason=str(error))
        except DatabaseAway as error:
            # Told to stop: the study stays claimed until the lease runs out.
            log.warning("ended without the database", reason=str(error))
        except SearchError as error:
            log.warning("failed", reason=str(error))
            self._fail(study.id, str(error))
        except BrokenExecutor as error:
            self._end_if_asked(study.id)
            # Whether the study is to blame is unknown: it stays claimed until the lease runs out,
            # and the queue counts the workers it has killed.
            raise PoolBroken(self._watchdog.reason) from error
        except SQLAlchemyError:
            raise  # a failing database is no failure of the study
        except Exception as error:
            # One study's failure must not keep the next one from a worker.
            log.error("failed unexpectedly", exc_info=error)
            sentence = (
                f"the worker met an unexpected {type(error).__name__}: {error}; "
                "its log has the details"
            )
            self._fail(study.id, sentence)

    def _end_if_asked(self, study_id: str) -> None:
        """Give the study back where it is to stop, or this worker is: that takes effect then."""
        with suppress(LeaseLost, NotFound, DatabaseAway):
            if self._stopping.is_set() or self._studies.control(study_id).stop is not None:
                self._queue.release(study_id, self._id)

    def _fail(self, study_id: str, sentence: str) -> None:
        def fail() -> None:
            self._queue.finish(study_id, self._id, StudyState.FAILED, sentence)

        try:
            self._patience.call(fail)
        except LeaseLost as error:
            self._log.warning("another worker took the study over", reason=str(error))
        except DatabaseAway as error:
            # Told to stop: the next worker finds the same, and says so then.
            self._log.warning("ended without the database", reason=str(error))

    def _record(self, study: StudyRow, lost: Flag) -> StudyState:
        """Run the study to its end, or until this worker is stopped; return its state then."""
        recorder, history, dataset, before = self._patience.call(lambda: self._recorded(study))
        live = LiveResults(study.spec, dataset, before=before)
        live.apply(TrialsChanged(trials=history))
        confirmations = self._patience.call(recorder.confirmations)
        live.apply(ConfirmationsMade(runs=confirmations))
        pending: list[Event] = []
        document_due = 0.0

        def write(results: StudyResults | None) -> None:
            self._patience.call(lambda: recorder.record(pending, results=results))

        events = self._run(
            study.spec,
            dataset,
            history=history,
            requests=self._patience.call(recorder.requests),
            outside=self._patience.call(lambda: recorder.outside_trials(study.spec.outside)),
            confirmations=confirmations,
            control=self._control(study.id, lost),
            executor=self._executor,
            backend=self._backend,
        )
        try:
            for event in events:
                live.apply(event)
                pending.append(event)
                if isinstance(event, StudyEnded):
                    write(live.to_document(phase_ended=True))
                    return event.state
                if isinstance(event, FLUSH_ON):
                    phase_ended = isinstance(event, PhaseStarted) and event.phase != Phase.SEARCH
                    document, began = None, monotonic()
                    if phase_ended or began >= document_due:
                        document = live.to_document(phase_ended=phase_ended)
                        took = monotonic() - began
                        document_due = began + max(DOCUMENT_S, took / DOCUMENT_SHARE)
                    write(document)
                    pending.clear()
                self._check(study.id, lost)
        except (LeaseLost, SQLAlchemyError):
            raise  # no write can succeed any more
        except StopRequested:
            write(live.to_document(phase_ended=False))
            self._queue.release(study.id, self._id)
            return StudyState.QUEUED
        except Exception:
            write(None)  # trials that finished before the error are kept
            raise
        raise RuntimeError("the driver ended without a StudyEnded event")

    def _recorded(
        self, study: StudyRow
    ) -> tuple[Recorder, tuple[TrialRecord, ...], Dataset, StudyResults]:
        """Return a recorder of the study, its history, its dataset and its results so far."""
        recorder = Recorder(self._database, study.id, self._id)
        results = Results(self._database).get(study.id).results
        return recorder, recorder.history(), load_dataset(study.spec, self._datasets), results

    def _control(self, study_id: str, lost: Flag) -> Callable[[], Control]:
        """Return the function by which the driver reads requests; it raises as `_check` does."""
        due = 0.0

        def control() -> Control:
            nonlocal due
            self._check(study_id, lost)
            if monotonic() < due:
                return Control()
            due = monotonic() + CONTROL_POLL_S
            try:
                return self._studies.control(study_id)
            except DatabaseAway:
                return Control()  # training goes on; what it yields is written later

        return control

    def _check(self, study_id: str, lost: Flag) -> None:
        """Raise StopRequested once this worker is told to stop, LeaseLost without the lease."""
        if lost.is_set():
            raise LeaseLost(f"the lease of study '{study_id}' ran out; stop writing to it")
        if self._stopping.is_set():
            raise StopRequested

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        with repeated(self._beat, self._settings.lease_seconds / RENEWALS_PER_LEASE):
            yield

    def _beat(self) -> None:
        self._queue.beat(self._id, self._segments)

    @contextmanager
    def _lease_renewal(self, study_id: str) -> Iterator[Flag]:
        lost = Flag()

        def renew() -> None:
            try:
                self._queue.renew(study_id, self._id, self._settings.lease_seconds)
            except LeaseLost:
                lost.set()

        def look() -> None:
            # The driver looks too, but not while it waits for a segment that does not end.
            with suppress(NotFound):
                if self._studies.control(study_id).stop is Stop.CANCEL:
                    self._cancelling.set()

        self._cancelling.clear()
        with (
            repeated(renew, self._settings.lease_seconds / RENEWALS_PER_LEASE),
            repeated(look, LOOK_S),
        ):
            yield lost
        self._cancelling.clear()
