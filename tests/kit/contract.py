"""Three checks of schemathesis, each with the one thing that this API does otherwise.

Schemathesis loads them by SCHEMATHESIS_HOOKS. docs/http.md says what differs.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import schemathesis
from jsonschema import Draft202012Validator
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

REPLACED = ("negative_data_rejection", "positive_data_acceptance", "unsupported_method")
"""The checks of schemathesis in whose place these stand."""


@schemathesis.check
def what_the_document_allows_is_refused_with_a_reason_alone(ctx: CheckContext, response: Response, case: Case) -> None:
    """Rules go further than JSON Schema: `name must not be blank when update_mask names it`. Such a refusal is a 400
    that says why.
    """
    if response.status_code == 400 and _reason(response) and json.loads(response.content)["message"]:
        return
    positive_data_acceptance(ctx, response, case)


@schemathesis.check
def what_the_document_rules_out_is_refused(ctx: CheckContext, response: Response, case: Case) -> None:
    """In JSON of proto3 null stands for any field that is not set: without its nulls a body may be as it should."""
    if isinstance(case.body, dict) and (told := _without_nulls(case.body)) != case.body and _is_as_said(case, told):
        return
    negative_data_rejection(ctx, response, case)


@schemathesis.check
def another_method_is_not_taken(ctx: CheckContext, response: Response, case: Case) -> None:
    """Envoy refuses QUERY without a content type as no request of HTTP, before it looks for an address."""
    if response.request.method == "QUERY" and response.status_code == 400:
        return
    unsupported_method(ctx, response, case)


def _reason(response: Response) -> str:
    details = json.loads(response.content).get("details", ())
    return next((str(one["reason"]) for one in details if "reason" in one), "")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


@cache
def _document() -> Any:
    return json.loads((files("automix_gateway") / "openapi.json").read_text())


def _is_as_said(case: Case, body: Any) -> bool:
    document = _document()
    operation = document["paths"][case.operation.path][case.operation.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
