"""The catalog: activations, initializers, samplers, pruners and findings."""

from fastapi import APIRouter

from search.activations import ACTIVATIONS, own_activation
from search.diagnostics import RULES
from search.pruners import PRUNERS
from search.samplers import SAMPLERS
from search.space import INITIALIZERS
from search.study import PrunerSpec, SamplerSpec
from service.api.openapi import problems
from service.api.schemas.catalog import (
    ActivationList,
    ActivationOut,
    FindingList,
    InitializerList,
    InitializerOut,
    RuleOut,
    ToolList,
    ToolOut,
)
from service.api.schemas.expression import ExpressionFactsOut, ExpressionModel

router = APIRouter(prefix="/v1", tags=["catalog"], responses=problems())


@router.get("/activations")
def get_activations() -> ActivationList:
    """List the activation functions, softmax among them as an output activation."""
    return ActivationList(items=[ActivationOut.from_row(row) for row in ACTIVATIONS.values()])


@router.post("/activations/check", responses=problems(400, 413, 422))
def check_expression(body: ExpressionModel) -> ExpressionFactsOut:
    """Tell what an expression of one's own is like, or why it is refused."""
    return ExpressionFactsOut.from_row(own_activation(body.to_expression()))


@router.get("/initializers")
def get_initializers() -> InitializerList:
    """List the initializers."""
    return InitializerList(items=[InitializerOut.from_row(row) for row in INITIALIZERS.values()])


@router.get("/samplers")
def get_samplers() -> ToolList:
    """List the samplers."""
    default = SamplerSpec().name
    return ToolList(items=[ToolOut.from_row(row, default=default) for row in SAMPLERS.values()])


@router.get("/pruners")
def get_pruners() -> ToolList:
    """List the pruners."""
    default = PrunerSpec().name
    return ToolList(items=[ToolOut.from_row(row, default=default) for row in PRUNERS.values()])


@router.get("/findings")
def get_findings() -> FindingList:
    """List what may be found wrong with a training, with thresholds and where they come from."""
    return FindingList(items=[RuleOut.from_rule(rule) for rule in RULES.values()])
