"""Ask and tell: which arm and search is tried next, and which sampler proposes it.

A study has `evaluation.searches` independent searches of each arm, each with a sampler of its own
that never learns from another: they are the replicates by which a verdict tells an arm from the
luck of its search. Every arm of every search gets the same number of trials; the one with the
fewest is tried next. Where `min_trials_per_activation` is given, the arms of a search share one
sampler instead, which is free to choose the arm once each has that many.

Order of proposals: the baseline, the person's requests, then the turns of arms and searches. The
first trials of each turn are drawn at random and never pruned, so that their scores can be
compared.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TypeAlias

from optuna.trial import TrialState

from search.driver.outside import fitting
from search.driver.plan import StudyPlan
from search.driver.replay import Replay
from search.driver.sampler_study import SamplerStudy
from search.samplers import get_sampler
from search.samplers.catalog import seed_for
from search.study import (
    Choices,
    OutsideTrial,
    ParamValue,
    TrialRecord,
    TrialRequest,
    TrialSource,
)

#: Trials of a study that are drawn at random and trained to the end, whatever they are like: the
#: ones that importances are computed from.
COMPARABLE_TRIALS = 80
#: Of each arm and search they are this many at least, and this share of its trials at most.
_LEAST_COMPARABLE, _MOST_COMPARABLE_SHARE = 2, 1 / 4

#: Arm and search of a trial.
Place: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proposal:
    """A trial to be asked for."""

    source: TrialSource
    search: int
    #: None where the sampler chooses the arm.
    arm: str | None
    fixed: Mapping[str, ParamValue]
    request_id: str | None = None


class AskTell:
    """Asks and tells the samplers of a study that starts from `history`."""

    def __init__(
        self,
        plan: StudyPlan,
        history: Sequence[TrialRecord],
        replay: Replay | None = None,
        outside: Sequence[OutsideTrial] = (),
    ) -> None:
        """Trials of `replay` are proposed as they are recorded, or ReplayMismatch is raised.

        Trials of `outside` that fit the space teach one sampler each, and count for no arm.
        """
        self._plan = plan
        self._replay = replay or Replay()
        sampler = plan.spec.sampler
        self._row = get_sampler(sampler.name)
        self._history_length = len(history)
        #: Trials that each arm gets before the sampler of its search may choose the arm; None where
        #: each arm has a sampler of its own. A grid is walked by one sampler: all arms are visited.
        self._share = 0 if self._row.finite else sampler.min_trials_per_activation
        #: By search and, where each arm has a sampler of its own, by arm.
        self._studies: dict[tuple[int, str | None], SamplerStudy] = {}
        #: Whose sampler a trial that is asked and not told belongs to.
        self._owner: dict[int, SamplerStudy] = {}
        self.asked = len(history)
        self._searches = plan.spec.evaluation.searches
        self._places = [
            (arm, search) for search in range(self._searches) for arm in plan.arms.names
        ]
        #: Trials of each arm and search, and of each search.
        self._counts: Counter[Place] = Counter()
        self._by_search: Counter[int] = Counter()
        for record in sorted(history, key=lambda record: record.number):
            arm = plan.arms.of(record.params)
            study = self._study_of(record.search, arm)
            study.add(record)
            if not record.state.is_finished():
                self._owner[record.number] = study
            self._counts[arm, record.search] += 1
            self._by_search[record.search] += 1
        for place, record in enumerate(fitting(plan, outside)):
            search, arm = place % self._searches, plan.arms.of(record.params)
            self._study_of(search, arm).add(record)
        baseline = plan.space.baseline()
        self._baseline: deque[Mapping[str, ParamValue]] = deque()
        if baseline is not None and not history:
            self._baseline.append(baseline)
        self._requests: deque[TrialRequest] = deque()
        self._known = {record.request_id for record in (*history, *self._replay.trials.values())}
        #: Trials of each arm and search that are drawn at random and never pruned.
        self._comparable = 0
        if self._share is None:
            each = plan.spec.budget.trials // len(self._places)
            wanted = max(_LEAST_COMPARABLE, ceil(COMPARABLE_TRIALS / len(self._places)))
            self._comparable = min(wanted, int(each * _MOST_COMPARABLE_SHARE))

    @property
    def total(self) -> int:
        """Trials the study will have: its budget, more with requests."""
        asked = max(self.asked, self._replay.end)
        return max(asked + len(self._requests), self._plan.spec.budget.trials)

    def request(self, requests: Sequence[TrialRequest]) -> None:
        """Queue the person's configurations before the sampler's; ids seen before are skipped."""
        for request in requests:
            if request.id not in self._known:
                self._known.add(request.id)
                self._requests.append(request)

    def ask(self, count: int) -> list[TrialRecord]:
        """Propose up to `count` trials, fewer near the end of the budget."""
        count = min(count, self.total - self.asked)
        proposals = [self._next(self.asked + place) for place in range(count)]
        studies = [self._study_of(proposal.search, proposal.arm) for proposal in proposals]
        for study, times in Counter(studies).items():
            study.expect(times)
        return [self._ask(*pair) for pair in zip(proposals, studies, strict=True)]

    def tell(self, record: TrialRecord) -> None:
        """Let the sampler that proposed a finished trial learn from it."""
        self._owner.pop(record.number).tell(record)

    def _ask(self, proposal: _Proposal, study: SamplerStudy) -> TrialRecord:
        number, space = self.asked, self._plan.space
        self.asked += 1
        params = study.ask(number, proposal.fixed)
        self._owner[number] = study
        if proposal.arm is None:
            self._counts[self._plan.arms.of(params), proposal.search] += 1
        record = TrialRecord(
            number=number,
            state=TrialState.RUNNING,
            source=proposal.source,
            params=params,
            distributions=space.distributions(params),
            started_at=datetime.now(UTC),
            request_id=proposal.request_id,
            search=proposal.search,
        )
        self._replay.check(record)
        return record

    def _next(self, number: int) -> _Proposal:
        """Return what is tried as trial `number`, counted as if it had been asked for."""
        proposal = self._turn(number)
        self._by_search[proposal.search] += 1
        if proposal.arm is not None:
            self._counts[proposal.arm, proposal.search] += 1
        return proposal

    def _turn(self, number: int) -> _Proposal:
        arms = self._plan.arms
        if self._baseline:
            usual = self._baseline.popleft()
            return _Proposal(source=TrialSource.BASELINE, search=0, arm=arms.of(usual), fixed=usual)
        if (request := self._request(number)) is not None:
            return _Proposal(
                source=TrialSource.REQUESTED,
                search=0,
                arm=arms.of_part(request.params) or min(arms.names, key=self._in_first_search),
                fixed=request.params,
                request_id=request.id,
            )
        # The fewest trials; among equals the first search, and of it the first arm.
        arm, search = min(self._places, key=self._counts.__getitem__)
        had = self._counts[arm, search]
        if self._share is not None and had >= self._share:
            search = min(range(self._searches), key=self._by_search.__getitem__)
            return _Proposal(source=TrialSource.SAMPLER, search=search, arm=None, fixed={})
        return _Proposal(
            source=TrialSource.STRATIFIED if had < self._comparable else TrialSource.SAMPLER,
            search=search,
            arm=arm,
            fixed={} if self._share is None else self._values_of(arm),
        )

    def _request(self, number: int) -> TrialRequest | None:
        """Return the request whose turn it is; what is asked for now waits for recorded trials."""
        if number < self._replay.end:
            return self._replay.request(number)
        return self._requests.popleft() if self._requests else None

    def _in_first_search(self, arm: str) -> int:
        return self._counts[arm, 0]

    def _values_of(self, arm: str) -> Mapping[str, ParamValue]:
        """Return the value by which a sampler of all arms is held to one of them.

        Of an arm that is a level of a range, the sampler's own space has no such value to hold.
        """
        part = self._plan.arms.parts[arm]
        return {self._plan.arms.axis: part.values[0]} if isinstance(part, Choices) else {}

    def _study_of(self, search: int, arm: str | None) -> SamplerStudy:
        """Return the sampler's study of a search, or of an arm in it where each has its own."""
        key = search, arm if self._share is None else None
        if key not in self._studies:
            plan = self._plan
            self._studies[key] = SamplerStudy(
                self._row,
                seed_for(plan.spec.sampler.seed, self._history_length, search, key[1] or ""),
                plan.space if key[1] is None else plan.arms.space(key[1]),
                [metric.direction for metric in plan.objectives],
            )
        return self._studies[key]
