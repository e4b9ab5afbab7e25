"""Pages follow each other without a gap or a repeat, whatever their size."""

import contextlib
from dataclasses import dataclass
from uuid import UUID

import pytest
from automix_common.rpc.errors import InvalidArgument
from automix_common.rpc.paging import page_limit, page_of, page_start
from hypothesis import given
from hypothesis import strategies as st


@dataclass(frozen=True)
class Row:
    id: UUID


@given(st.sets(st.uuids(), max_size=40), st.integers(1, 12))
def test_walking_every_page_sees_every_row_once(ids: set[UUID], size: int) -> None:
    rows = [Row(one) for one in sorted(ids, reverse=True)]
    seen: list[Row] = []
    token = ""
    while True:
        limit = page_limit(size)
        page, token = page_of([row for row in rows if row.id < page_start(token)][:limit], limit)
        seen += page
        if not token:
            break
    assert seen == [row for row in rows if row.id.int != 2**128 - 1]


@given(st.text(min_size=1))
def test_a_made_up_token_is_an_id_or_refused(token: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert isinstance(page_start(token), UUID)


def test_no_size_means_fifty() -> None:
    assert page_limit(0) == 51


def test_garbage_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        page_start("zz")
