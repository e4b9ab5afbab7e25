"""automix webhooks ..."""

from typing import Annotated

import typer
from automix.mixer.v1.webhooks_pb2 import Delivery, Webhook

from automix_client.cli.connection import EndpointOption, JsonOption, YesOption, execute
from automix_client.cli.documents import choice, document
from automix_client.cli.names import an_id, one_of
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import moment
from automix_client.client import AsyncClient
from automix_client.webhooks import CANCELLED, FAILED, SUCCEEDED

EVENTS = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id.", callback=an_id)]


def _each_one_of(given: list[str] | None) -> list[str] | None:
    check = one_of(tuple(EVENTS))
    for one in given or ():
        check(one)
    return given


def create(
    url: Annotated[str, typer.Argument(help="An https address of a host in the public network.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="succeeded, failed or cancelled; may be repeated. Everything by default.", callback=_each_one_of
        ),
    ] = None,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register an address that is called whenever a job ends. The secret that signs the calls is shown once."""
    terminal = Terminal(as_json=as_json)
    events = [EVENTS[name] for name in event or ()]
    made = execute(terminal, endpoint, lambda client: client.webhooks.create(url, events))
    terminal.note("keep the secret now: it is not shown again")
    terminal.message(made, f"{made.webhook.id}  {escaped(made.secret)}")


def list_webhooks(endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List your webhooks, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[Webhook]:
        return [webhook async for webhook in client.webhooks.list()]

    webhooks = execute(terminal, endpoint, work)
    terminal.table(
        webhooks,
        ("id", "url", "told of", "state", "failing since"),
        ((one.id, one.url, _events(one), _state(one), moment(one.failing_since)) for one in webhooks),
    )


def deliveries(webhook: WebhookArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List a webhook's deliveries, sent and waiting, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[Delivery]:
        return [delivery async for delivery in client.webhooks.deliveries(webhook)]

    found = execute(terminal, endpoint, work)
    terminal.table(
        found,
        ("id", "event", "job", "state", "attempts", "next", "last answer"),
        (
            (
                one.id,
                choice(one, "event").removeprefix("job_"),
                one.job_id,
                choice(one, "state"),
                str(one.attempts),
                moment(one.due_at),
                one.last_error or (str(one.last_status) if one.last_status else ""),
            )
            for one in found
        ),
    )


def repeat(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.", callback=an_id)],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a delivery once more."""
    terminal = Terminal(as_json=as_json)
    waiting = execute(terminal, endpoint, lambda client: client.webhooks.repeat(delivery))
    terminal.message(waiting, f"{waiting.id}  {choice(waiting, 'state')}")


def rotate(webhook: WebhookArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Make a new secret; the old one stays valid for one more day."""
    terminal = Terminal(as_json=as_json)
    made = execute(terminal, endpoint, lambda client: client.webhooks.rotate_secret(webhook))
    terminal.note("keep the secret now: it is not shown again")
    terminal.message(made, escaped(made.secret))


def enable(webhook: WebhookArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Enable a webhook again."""
    _change(webhook, endpoint, enabled=True, as_json=as_json)


def disable(webhook: WebhookArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Disable a webhook; deliveries that wait to be sent are dropped."""
    _change(webhook, endpoint, enabled=False, as_json=as_json)


def delete(
    webhook: WebhookArgument, yes: YesOption = False, endpoint: EndpointOption = None, as_json: JsonOption = False
) -> None:
    """Delete a webhook with its deliveries."""
    terminal = Terminal(as_json=as_json)
    terminal.confirm(f"Delete webhook {webhook} with its deliveries for good?", yes=yes)
    execute(terminal, endpoint, lambda client: client.webhooks.delete(webhook))
    terminal.json({})
    terminal.say("deleted")


def _change(webhook: str, endpoint: list[str] | None, *, enabled: bool, as_json: bool) -> None:
    terminal = Terminal(as_json=as_json)
    changed = execute(terminal, endpoint, lambda client: client.webhooks.update(webhook, enabled=enabled))
    terminal.message(changed, f"{escaped(changed.url)}  {_state(changed)}")


def _state(webhook: Webhook) -> str:
    return "enabled" if webhook.enabled else f"disabled ({choice(webhook, 'disabled_reason')})"


def _events(webhook: Webhook) -> str:
    return ", ".join(name.removeprefix("job_") for name in document(webhook)["events"])
