"""The parameters of activation functions: slopes, saturation values, sharpness, sharing."""

from __future__ import annotations

from dataclasses import dataclass

from search.study import Axis, Choices, ParamValue, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an activation, a number or (where `choices` is not empty) a choice.

    Its axis in a search space is called `<activation>_<name>`.
    """

    name: str
    description: str
    default: float | str | bool
    #: The range worth searching.
    low: float | None = None
    high: float | None = None
    #: Whether that range is searched on a logarithmic scale.
    log: bool = False
    choices: tuple[ParamValue, ...] = ()
    #: What is allowed at all; None: the range worth searching.
    limits: tuple[float, float] | None = None
    #: Whether a study that does not mention the axis searches it; otherwise `default` is fixed.
    searched: bool = False
    #: Whether training changes it from this initial value; a string names the boolean
    #: parameter of the same activation that decides.
    learned: bool | str = False

    @property
    def is_number(self) -> bool:
        """False for a choice such as "layer" or "channel"."""
        return not self.choices

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest legal value; None for a choice."""
        if self.limits is not None or self.low is None or self.high is None:
            return self.limits
        return (self.low, self.high)

    @property
    def axis(self) -> Axis:
        """The axis of a study that does not mention this parameter."""
        if self.searched and self.low is not None and self.high is not None:
            return Range(low=self.low, high=self.high, log=self.log)
        return Choices(values=(self.default,))
