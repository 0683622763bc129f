"""The catalog: activations, initializers, samplers, pruners and findings."""

from fastapi import APIRouter

from search.activations import ACTIVATIONS
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

router = APIRouter(prefix="/v1", tags=["catalog"], responses=problems())


@router.get("/activations")
def get_activations() -> ActivationList:
    """List the activation functions, softmax among them as an output activation."""
    return ActivationList(items=[ActivationOut.from_row(row) for row in ACTIVATIONS.values()])


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
