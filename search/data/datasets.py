"""Datasets: a table of features beside one target, and the built-in ones.

`N` rows, `C` classes. Features are float64 columns or text columns; missing values are NaN. The
facts of the built-in datasets are written down here, so that listing them loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.errors import UnknownChoice
from search.study import Task

if TYPE_CHECKING:  # the process that lists datasets need not load pandas
    import pandas as pd

Target: TypeAlias = NDArray[np.float64] | NDArray[np.int64]


class ColumnRole(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    IGNORE = "ignore"
    TARGET = "target"
    #: Rows of one group, such as a patient, stay together in every split.
    GROUP = "group"


class ColumnKind(StrEnum):
    """What a column is taken for; DATA.md says when and why."""

    NUMBER = "number"
    TRUTH = "truth"
    #: Days since 1970.
    DATE = "date"
    #: Days.
    DURATION = "duration"
    #: Text of few levels, an input each.
    CATEGORY = "category"
    #: Text of many levels, encoded by the mean target of the training rows.
    MANY_CATEGORIES = "many_categories"
    LABEL = "label"
    IDENTIFIER = "identifier"
    FREE_TEXT = "free_text"
    EMPTY = "empty"
    #: Cells that hold lists or tables.
    NESTED = "nested"
    #: Not looked at: its role is `ignore` or `group`.
    UNREAD = "unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReport:
    """What one column was taken for."""

    name: str
    role: ColumnRole
    kind: ColumnKind
    #: Whether networks learn from it, or learn it.
    used: bool
    #: Why it was taken for that, a sentence.
    reason: str
    #: Cells of the rows with a target that are missing, or count as missing.
    missing: int
    #: First different cells as written.
    examples: tuple[str, ...]
    #: How its cells are written: the name of a row of `search.data.number_formats`, or the pattern
    #: of `search.data.date_formats`; empty where they are of another kind, or came typed.
    written: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """The facts of a dataset, without its data."""

    id: str
    name: str
    task: Task
    target: str
    rows: int
    features: int
    feature_names: tuple[str, ...]
    #: Labels in the order of their codes; empty for regression. Of two, the second is the positive.
    classes: tuple[str, ...]
    #: Rows of each class, in the order of `classes`.
    class_counts: tuple[int, ...]
    #: Changes made to the table at upload and warnings, one sentence each.
    notes: tuple[str, ...] = ()
    description: str = ""
    #: What each column of the table was taken for, in its order; empty for built-in datasets.
    columns: tuple[ColumnReport, ...] = ()
    #: Groups of rows that splits keep together; None where every row stands for itself.
    groups: int | None = None
    #: Groups in which each class stands, in the order of `classes`; empty without groups.
    class_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """A table of features beside one target. Two datasets are equal only if they are one object."""

    id: str
    name: str
    task: Task
    target: str
    #: One column a feature: float64, or text where categorical; NaN where missing.
    features: pd.DataFrame
    #: `(N,)` float64 in the target's own units, or int64 codes 0..C-1.
    y: Target
    #: Labels in the order of their codes; empty for regression.
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    description: str = ""
    columns: tuple[ColumnReport, ...] = ()
    #: `(N,)` number of the group of each row, 0 to G-1; None where every row stands for itself.
    groups: NDArray[np.int64] | None = None

    def describe(self) -> DatasetSummary:
        """Return the facts that the API shows."""
        return DatasetSummary(
            id=self.id,
            name=self.name,
            task=self.task,
            target=self.target,
            rows=len(self.y),
            features=self.features.shape[1],
            feature_names=tuple(map(str, self.features.columns)),
            classes=self.classes,
            class_counts=tuple(int((self.y == code).sum()) for code in range(len(self.classes))),
            notes=self.notes,
            description=self.description,
            columns=self.columns,
            groups=None if self.groups is None else int(self.groups.max()) + 1,
            class_groups=()
            if self.groups is None
            else tuple(
                len(np.unique(self.groups[self.y == code])) for code in range(len(self.classes))
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """A dataset that ships with scikit-learn."""

    summary: DatasetSummary
    #: Returns scikit-learn's bunch with pandas frames.
    load: Callable[[], Any]


def _scikit_learn(loader: str, **options: object) -> Callable[[], Any]:
    def load() -> Any:
        from sklearn import datasets  # noqa: PLC0415 - listing must not load scikit-learn

        return getattr(datasets, loader)(as_frame=True, **options)

    return load


_CELL_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)

_ROWS = (
    Builtin(
        summary=DatasetSummary(
            id="digits",
            name="digits",
            task=Task.MULTICLASS,
            target="digit",
            rows=1797,
            features=64,
            feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
            classes=tuple(map(str, range(10))),
            class_counts=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
            notes=(
                "columns 'pixel_0_7', 'pixel_1_0', 'pixel_1_7' and 9 more hold one value in almost "
                "all rows; by scaling 'standard' their rare values are cut off at 10 standard "
                "deviations (the furthest lies at 42)",
            ),
            description="Handwritten digits as 8 by 8 grey pixels.",
        ),
        load=_scikit_learn("load_digits"),
    ),
    Builtin(
        summary=DatasetSummary(
            id="iris",
            name="iris",
            task=Task.MULTICLASS,
            target="species",
            rows=150,
            features=4,
            feature_names=(
                "sepal length (cm)",
                "sepal width (cm)",
                "petal length (cm)",
                "petal width (cm)",
            ),
            classes=("setosa", "versicolor", "virginica"),
            class_counts=(50, 50, 50),
            notes=(
                "1 of 150 rows (0.7%) is an exact copy of another, as comes about where columns "
                "hold few different values; each counts as a row of its own and may stand in "
                "another fold than its twin; if they were copied, bring a column that names the "
                "original, with the role 'group'",
            ),
            description="Fisher's irises: three species by the size of their flowers.",
        ),
        load=_scikit_learn("load_iris"),
    ),
    Builtin(
        summary=DatasetSummary(
            id="wine",
            name="wine",
            task=Task.MULTICLASS,
            target="cultivar",
            rows=178,
            features=13,
            feature_names=(
                "alcohol",
                "malic_acid",
                "ash",
                "alcalinity_of_ash",
                "magnesium",
                "total_phenols",
                "flavanoids",
                "nonflavanoid_phenols",
                "proanthocyanins",
                "color_intensity",
                "hue",
                "od280/od315_of_diluted_wines",
                "proline",
            ),
            classes=("class_0", "class_1", "class_2"),
            class_counts=(59, 71, 48),
            description="Wines of three cultivars by chemical analysis.",
        ),
        load=_scikit_learn("load_wine"),
    ),
    Builtin(
        summary=DatasetSummary(
            id="breast_cancer",
            name="breast_cancer",
            task=Task.BINARY,
            target="diagnosis",
            rows=569,
            features=30,
            feature_names=(
                *(f"mean {measure}" for measure in _CELL_MEASURES),
                *(f"{measure} error" for measure in _CELL_MEASURES),
                *(f"worst {measure}" for measure in _CELL_MEASURES),
            ),
            classes=("malignant", "benign"),
            class_counts=(212, 357),
            notes=(
                "columns 'area error', 'concavity error' have a long tail, up to 12 standard "
                "deviations from the mean, and are kept whole; scaling 'quantile' or 'robust' "
                "would tame it",
            ),
            description="Breast tumours, malignant or benign, by the shape of their cell nuclei.",
        ),
        load=_scikit_learn("load_breast_cancer"),
    ),
    Builtin(
        summary=DatasetSummary(
            id="diabetes",
            name="diabetes",
            task=Task.REGRESSION,
            target="progression",
            rows=442,
            features=10,
            feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
            classes=(),
            class_counts=(),
            description="Progression of diabetes one year after ten measurements.",
        ),
        # Unscaled: the scaled version was standardised over all rows, test rows included.
        load=_scikit_learn("load_diabetes", scaled=False),
    ),
)

BUILTIN: dict[str, Builtin] = {row.summary.id: row for row in _ROWS}


def load_builtin(name: str) -> Dataset:
    """Load the built-in dataset `name`; UnknownChoice where there is none."""
    try:
        builtin = BUILTIN[name]
    except KeyError:
        raise UnknownChoice("dataset", name, BUILTIN, pointer="/dataset") from None
    facts = builtin.summary
    bunch = builtin.load()
    features = bunch.data.astype(np.float64)
    return Dataset(
        id=facts.id,
        name=facts.name,
        task=facts.task,
        target=facts.target,
        features=features,
        y=bunch.target.to_numpy(np.int64 if facts.classes else np.float64),
        classes=tuple(map(str, bunch.target_names)) if facts.classes else (),
        notes=facts.notes,
        description=facts.description,
    )
