"""A delivery outlives the process that sends it: it is sent again, under the same id."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from automix.mixer.v1 import webhooks_pb2
from automix_client.cli.documents import choice
from kit.people import Studio
from kit.stack import Stack
from kit.strikes import Strikes
from kit.waiting import until
from standardwebhooks import Webhook as Verifier


@dataclass
class Receiver:
    """Somebody's server, which remembers what it is told."""

    url: str = ""
    told: list[tuple[dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            found.told.append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield found
    server.shutdown()
    serving.join()
    server.server_close()


async def test_a_delivery_whose_sender_is_killed_arrives_again(
    stack: Stack, strikes: Strikes, receiver: Receiver
) -> None:
    async with stack.told(strikes.armed("webhooks.before_record"), "mixer"), Studio.open(stack) as studio:
        # What other tests' webhooks are still owed would be struck in place of this test's delivery.
        await stack.query("DELETE FROM mixer.webhooks")
        made = await studio.client.webhooks.create(receiver.url)
        strikes.order("webhooks.before_record")
        job_id = await studio.job()
        async for job in studio.client.jobs.watch(job_id):
            end = choice(job, "status")
        await until(lambda: strikes.struck("webhooks.before_record") == 1)
        # Its lease ends half a minute later; the test does not wait so long.
        await stack.query("UPDATE mixer.webhooks SET busy_until = NULL WHERE busy_until IS NOT NULL RETURNING id")
        await until(lambda: len(receiver.told) >= 2)

        async def delivered() -> str:
            (delivery,) = [one async for one in studio.client.webhooks.deliveries(made.webhook.id)]
            return delivery.id if delivery.state == webhooks_pb2.DELIVERY_STATE_DELIVERED else ""

        delivery_id = await until(delivered)
    assert {headers["webhook-id"] for headers, _ in receiver.told} == {delivery_id}
    for headers, body in receiver.told:
        event = Verifier(made.secret).verify(body, headers)
        assert (event["type"], event["data"]["job_id"]) == (f"job.{end}", job_id)
