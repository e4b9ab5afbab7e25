"""The OpenAPI document, and a page made of it that needs neither scripts nor another host."""

import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

STYLE = """
:root { color-scheme: light dark; background: Canvas; color: CanvasText } a { color: LinkText }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
overflow-wrap: break-word } code { font-family: ui-monospace, monospace; font-size: .9em }
table { border-collapse: collapse; width: 100% } tr { border-top: 1px solid #8884 }
td { vertical-align: top; padding: .2rem .8rem .2rem 0 } td:last-child { overflow-wrap: anywhere }
td > :first-child { margin-top: 0 } td > :last-child { margin-bottom: 0 }
summary { cursor: pointer; padding: .4rem 0 } b { display: inline-block; min-width: 4rem }
@media (max-width: 40rem) { table, tbody, tr, td { display: block } }
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
    yield '<meta name="viewport" content="width=device-width"><link rel="icon" href="/icon.svg">'
    yield f"<style>{STYLE}</style><main>"
    yield f"<h1>{escape(info['title'])}: HTTP API</h1>{_text(info['description'])}"
    yield '<p>As a document for programs: <a href="/openapi.json">openapi.json</a></p>'
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>{_text(tag['description'])}"
        for path, operations in document["paths"].items():
            for verb, operation in operations.items():
                if operation["tags"] == [tag["name"]]:
                    yield from _operation(path, verb, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3>{_text(schema.get("description", ""))}'
        yield from _fields(schema)
    yield "</main></html>"


def _operation(path: str, verb: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<details id="{operation["operationId"]}"><summary><b>{verb.upper()}</b> <code>{escape(path)}</code> '
    yield f"{_marked(operation['summary'])}</summary>{_text(operation['description'])}"
    if operation.get("security") == []:
        yield "<p>Needs no access token.</p>"
    if operation["parameters"]:
        yield "<table>"
        for parameter in operation["parameters"]:
            yield f"<tr><td><code>{parameter['name']}</code><td>{parameter['in']}"
            yield f"<td>{_kind(parameter['schema'])}<td>{_text(parameter['description'])}"
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
        yield f"<tr><td><code>{escape(name)}</code><td>{_kind(field)}{must}<td>{_text(field.get('description', ''))}"
    yield "</table>"


def _text(description: str) -> str:
    """What the contracts' comments have of Markdown: paragraphs, lists and code."""
    made = []
    for part in filter(None, description.split("\n\n")):
        lines = part.split("\n")
        if all(line.startswith("- ") for line in lines):
            made.append(f"<ul>{''.join(f'<li>{_marked(line[2:])}</li>' for line in lines)}</ul>")
        else:
            made.append(f"<p>{_marked(part)}</p>")
    return "".join(made)


def _marked(line: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(line))


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    words = [schema.get("format", schema.get("type", "any"))]
    for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("exclusiveMinimum", ">"), ("maxLength", "length ≤")):
        if name in schema:
            words.append(f"{sign} {schema[name]:,.9g}")
    return escape(" ".join(words))
