"""The errors that this project raises on purpose, as one tree.

    SearchError                  base of all; its message is a sentence for the person
    ├── InvalidInput             the request breaks a rule (422)
    │   ├── UnknownChoice        a name that is not in a table; lists the choices and the nearest
    │   ├── InvalidAxis          an axis of the search space that cannot be searched
    │   └── InvalidDataset       a table that cannot be learned from
    ├── NotFound                 a study, trial or dataset that does not exist (404)
    ├── Conflict                 the state of a thing forbids the request (409)
    ├── LimitReached             as much is there already as this deployment allows (429)
    ├── MissingExtra             an optional package is not installed (501)
    ├── NotReady                 the database or the worker does not answer (503)
    └── LeaseLost                another worker took the study over; stop writing to it

Each message says the value, the rule and the way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SearchError(Exception):
    """Base of every error this project raises on purpose."""


class InvalidInput(SearchError):
    """The request breaks a rule; `pointer` is the JSON pointer of the offending field."""

    def __init__(self, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class UnknownChoice(InvalidInput):
    """`value` is not one of `choices` of `kind`."""

    def __init__(
        self, kind: str, value: object, choices: Iterable[str], *, pointer: str = ""
    ) -> None:
        self.kind = kind
        self.value = value
        self.choices = tuple(choices)
        near = get_close_matches(str(value), self.choices, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        super().__init__(
            f"{kind} '{value}' is not known; {hint}choose one of {', '.join(self.choices)}",
            pointer=pointer,
        )


class InvalidAxis(InvalidInput):
    """An axis of the search space that cannot be searched."""

    def __init__(self, axis: str, detail: str) -> None:
        super().__init__(f"axis '{axis}': {detail}", pointer=f"/space/{axis}")
        self.axis = axis


class InvalidDataset(InvalidInput):
    """A table that cannot be learned from."""


class NotFound(SearchError):
    """There is no `kind` with this `key`."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"there is no {kind} '{key}'; list the {kind} collection to see what is")
        self.kind = kind
        self.key = key


class Conflict(SearchError):
    """The state of a thing forbids the request."""


class LimitReached(SearchError):
    """As much is there already as a deployment allows; the message names the setting."""


class MissingExtra(SearchError):
    """An optional package is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs an optional package; install it with "
            f"pip install 'activation-search[{extra}]'"
        )
        self.extra = extra


class NotReady(SearchError):
    """The database or the worker, on which the service depends, does not answer."""


class LeaseLost(SearchError):
    """Another worker took the study over; this one must stop writing to it."""


class DeviceMemoryFull(SearchError):
    """A network alone has no room in the memory of a GPU."""
