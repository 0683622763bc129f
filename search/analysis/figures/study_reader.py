"""What can be read of a study, wherever it ran: its verdict, its trials as a frame, its figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from search.analysis.figures.catalog import FIGURES, FigureName
from search.analysis.figures.study_view import Json, StudyView
from search.errors import InvalidInput, UnknownChoice

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class StudyReader(ABC):
    """A study that can be read; a subclass says where its results and trials come from."""

    @abstractmethod
    def results(self) -> Json:
        """Return everything found so far, as `GET results` shows it."""

    @abstractmethod
    def view(self) -> StudyView:
        """Return the study as the figures read it."""

    @abstractmethod
    def trials(self) -> list[Json]:
        """Return all trials, as the items of `GET trials`."""

    def verdict(self) -> Json | None:
        """Return the verdict; None until the best configurations were trained anew."""
        verdict: Json | None = self.results()["verdict"]
        return verdict

    def trials_frame(self) -> pd.DataFrame:
        """Return a row a trial, in the order of their numbers.

        Columns: `number`, `state`, `value` (the first objective, NaN without one), the axes of the
        configuration, the metrics as `metric_NAME`, `parameters`, `fit_seconds`, `flags`.
        """
        import pandas as pd  # noqa: PLC0415 - figures need no pandas

        rows = [
            {
                "number": trial["number"],
                "state": trial["state"],
                "value": trial["value"],
                **trial["params"],
                **{f"metric_{name}": value for name, value in trial["metrics"].items()},
                "parameters": trial["parameters"],
                "fit_seconds": trial["fit_seconds"],
                "flags": ", ".join(trial["flags"]),
            }
            for trial in self.trials()
        ]
        frame = pd.DataFrame(rows)
        return frame if frame.empty else frame.set_index("number").sort_index()

    def plot(self, name: FigureName | str) -> go.Figure:
        """Return one of the figures of the report, for Plotly.

        Raises UnknownChoice for a name that is none of `FigureName`'s and InvalidInput where the
        study has nothing to show there yet.
        """
        import plotly.graph_objects as go  # noqa: PLC0415 - heavy

        names = [each.value for each in FigureName]
        if name not in names:
            raise UnknownChoice("figure", name, names)
        drawn = FIGURES[FigureName(name)].draw(self.view())
        if drawn is None:
            raise InvalidInput(
                f"the study has nothing to show in figure '{name}' yet; wait until it has ended"
            )
        return go.Figure(drawn)

    def plot_scores(self) -> go.Figure:
        """Return the scores by activation."""
        return self.plot(FigureName.SCORES)

    def plot_shapes(self) -> go.Figure:
        """Return the shapes of the activations as tried."""
        return self.plot(FigureName.SHAPES)

    def plot_slopes(self) -> go.Figure:
        """Return the score against the slope."""
        return self.plot(FigureName.SLOPES)

    def plot_initializers(self) -> go.Figure:
        """Return the heat map of activation by initializer."""
        return self.plot(FigureName.INITIALIZERS)

    def plot_depths(self) -> go.Figure:
        """Return the heat map of activation by depth."""
        return self.plot(FigureName.DEPTHS)

    def plot_curves(self) -> go.Figure:
        """Return the learning curves of each activation's best trial."""
        return self.plot(FigureName.CURVES)

    def plot_importances(self) -> go.Figure:
        """Return the importances of the axes."""
        return self.plot(FigureName.IMPORTANCES)

    def plot_cost(self) -> go.Figure:
        """Return the cost against the score."""
        return self.plot(FigureName.COST)
