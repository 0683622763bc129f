"""Unknown names in queries and forms are refused, as unknown fields of JSON are.

`?stat=failed` would otherwise list studies of every state.
"""

from collections.abc import Iterable

from fastapi import Request
from fastapi.params import Form
from fastapi.routing import APIRoute

from search.errors import InvalidInput, UnknownChoice


async def refuse_unknown_names(request: Request) -> None:
    """Raise UnknownChoice for a query parameter or form field that the route does not take.

    InvalidInput where the route takes none at all. A dependency of every route under /v1.
    """
    route: APIRoute = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params]
    _check("query parameter", request.query_params, known, "query:")
    fields = route.dependant.body_params
    if any(isinstance(field.field_info, Form) for field in fields):
        form = await request.form()  # FastAPI has read and cached it already
        _check("form field", form, [field.alias for field in fields], "/")


def _check(kind: str, given: Iterable[str], known: list[str], place: str) -> None:
    for name in given:
        if name in known:
            continue
        pointer = f"{place}{name}"
        if known:
            raise UnknownChoice(kind, name, known, pointer=pointer)
        raise InvalidInput(f"{kind} '{name}' is not known here; leave it out", pointer=pointer)
