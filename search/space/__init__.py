"""The search space: the axes of a configuration, their defaults, and the initializers among them.

Imports `activations`, `study` and `errors`; no torch. A person's axes go in, a `SearchSpace` comes
out, which draws, checks and describes configurations.
"""

from search.space.arms import Arms, build_arms
from search.space.axes import AXES, condition_of
from search.space.initializers import INITIALIZERS, get_initializer
from search.space.search_space import SearchSpace, build_space

__all__ = [
    "AXES",
    "INITIALIZERS",
    "Arms",
    "SearchSpace",
    "build_arms",
    "build_space",
    "condition_of",
    "get_initializer",
]
