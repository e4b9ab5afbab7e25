"""Errors of the engine on this machine, as the SDK's."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from automix_client.errors import AutomixError, ErrorDetails, InvalidInputError


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Raises InvalidInputError for what the engine refuses. `folder` is where it writes."""
    try:
        yield
    except AutomixError:
        raise
    except ValueError as error:  # the engine raises it for what cannot be mixed
        details = ErrorDetails(reason=getattr(error, "reason", ""))
        message = str(getattr(error, "message", error))
        raise InvalidInputError(message, code=grpc.StatusCode.INVALID_ARGUMENT, details=details) from None
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        # A write that fails does not say to which file.
        place = f"{folder} or the temporary folder {tempfile.gettempdir()}"
        raise OSError(error.errno, error.strerror, place) from None
