"""The OpenAPI document, and a page made of it that needs neither scripts nor another host."""

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

STYLE = """
:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
padding: 0 1rem } pre, code { font-family: ui-monospace, monospace; font-size: .9em } p { white-space: pre-line }
table { border-collapse: collapse; width: 100% } td { vertical-align: top; padding: .2rem .8rem .2rem 0;
border-top: 1px solid #8884 } summary { cursor: pointer; padding: .4rem 0 } b { display: inline-block; min-width: 4rem }
"""


def routes() -> list[Route]:
    """The document and its page."""
    text = (files("automix_gateway") / "openapi.json").read_text()
    shown = "".join(_page(json.loads(text)))

    async def document(_request: Request) -> Response:
        return Response(text, media_type="application/json")

    async def page(_request: Request) -> Response:
        return HTMLResponse(shown)

    return [Route("/openapi.json", document), Route("/docs", page)]


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}: HTTP API</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><main>'
    yield f"<h1>{escape(info['title'])}: HTTP API</h1><p>{escape(info['description'])}</p>"
    yield '<p>As a document for programs: <a href="/openapi.json">openapi.json</a></p>'
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        for path, operations in document["paths"].items():
            for verb, operation in operations.items():
                if operation["tags"] == [tag["name"]]:
                    yield from _operation(path, verb, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        yield from _fields(schema)
    yield "</main></html>"


def _operation(path: str, verb: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<details id="{operation["operationId"]}"><summary><b>{verb.upper()}</b> <code>{escape(path)}</code> '
    yield f"{escape(operation['summary'])}</summary><p>{escape(operation['description'])}</p>"
    if operation.get("security") == []:
        yield "<p>Needs no access token.</p>"
    if operation["parameters"]:
        yield "<table>"
        for parameter in operation["parameters"]:
            yield f"<tr><td><code>{parameter['name']}</code><td>{parameter['in']}"
            yield f"<td>{_kind(parameter['schema'])}<td>{escape(parameter['description'])}"
        yield "</table>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>Body: {escape(kind)}</h4>"
        yield from _fields(content["schema"])
    for status, response in operation["responses"].items():
        if "content" in response:
            for kind, content in response["content"].items():
                yield f"<h4>{status}: {escape(kind)}</h4><p>{_kind(content['schema'])}</p>"
    yield "</details>"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    if "properties" not in schema:
        return
    yield "<table>"
    for name, field in schema["properties"].items():
        must = ", required" if name in schema.get("required", ()) else ""
        yield f"<tr><td><code>{escape(name)}</code><td>{_kind(field)}{must}<td>{escape(field.get('description', ''))}"
    yield "</table>"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    words = [schema.get("format", schema.get("type", "any"))]
    for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("exclusiveMinimum", ">"), ("maxLength", "length ≤")):
        if name in schema:
            words.append(f"{sign} {schema[name]:g}")
    return escape(" ".join(words))
