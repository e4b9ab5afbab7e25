"""Bytes in: `PUT .../bytes?offset=` bridged to the client stream of UploadBytes."""

import re
from collections.abc import AsyncIterator

import grpc
from automix.media.v1 import media_pb2
from google.protobuf import json_format
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from automix_gateway.calls import Endpoint, Services, metadata
from automix_gateway.errors import malformed

MESSAGE_BYTES = 256 * 1024
OFFSET = re.compile(r"\d{1,18}")


def endpoint(services: Services) -> Endpoint:
    """The endpoint of UploadBytes."""

    async def put(request: Request) -> Response:
        upload_id: str = request.path_params["upload_id"]
        offset = _offset(request)
        gone = False

        async def messages() -> AsyncIterator[media_pb2.UploadBytesRequest]:
            nonlocal gone
            yield media_pb2.UploadBytesRequest(upload_id=upload_id, offset=offset)
            waiting = bytearray()
            try:
                async for block in request.stream():
                    waiting += block
                    while len(waiting) >= MESSAGE_BYTES:
                        yield media_pb2.UploadBytesRequest(data=bytes(waiting[:MESSAGE_BYTES]))
                        del waiting[:MESSAGE_BYTES]
            except ClientDisconnect:
                # The stream ends in order, so that what has arrived is kept and the client can go on after it.
                gone = True
            if waiting:
                yield media_pb2.UploadBytesRequest(data=bytes(waiting))

        told = metadata(request)
        try:
            answer = await services.media.UploadBytes(messages(), metadata=told)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INTERNAL:
                raise
            # A write that fails because media has ended the call hides its answer: grpc.aio then reports INTERNAL of
            # its own. Asked again without bytes, media says why it refused them, or how far the upload came.
            first = media_pb2.UploadBytesRequest(upload_id=upload_id, offset=offset)
            answer = await services.media.UploadBytes(_only(first), metadata=told)
        if gone:
            return Response(status_code=499)
        body = json_format.MessageToJson(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
        )
        return Response(body, media_type="application/json")

    return put


async def _only(message: media_pb2.UploadBytesRequest) -> AsyncIterator[media_pb2.UploadBytesRequest]:
    yield message


def _offset(request: Request) -> int:
    """The offset asked for, 0 by default. Raises Refused for anything else among the parameters."""
    parameters = dict(request.query_params)
    offset = parameters.pop("offset", "0")
    if parameters or not OFFSET.fullmatch(offset):
        raise malformed("the only parameter is offset, a number of bytes")
    return int(offset)
