"""Which streams keep their places."""

from automix_common.rpc.shares import FAIR_BYTES_PER_SECOND, FAIR_SECONDS, Throughput


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def move(throughput: Throughput, clock: Clock, seconds: float, bytes_per_second: float) -> None:
    """Moves bytes every tenth of a second."""
    for _ in range(round(10 * seconds)):
        clock.seconds += 0.1
        throughput.add(round(bytes_per_second / 10))


def test_a_stream_that_began_fast_and_stands_still_gives_way() -> None:
    clock = Clock()
    throughput = Throughput(clock)
    throughput.add(1_000_000_000)
    clock.seconds = FAIR_SECONDS - 0.1
    assert not throughput.gives_way()
    clock.seconds = 1.5 * FAIR_SECONDS
    assert throughput.gives_way()


def test_a_stream_at_the_fair_rate_keeps_its_place_and_a_slower_one_does_not() -> None:
    for share, gives_way in ((1.0, False), (0.7, True)):
        clock = Clock()
        throughput = Throughput(clock)
        for seconds in (2 * FAIR_SECONDS, 0.3, 0.4, 0.5):
            move(throughput, clock, seconds, share * FAIR_BYTES_PER_SECOND)
            assert throughput.gives_way() is gives_way


def test_a_stream_that_stood_still_for_long_keeps_its_place_once_it_moves() -> None:
    clock = Clock()
    throughput = Throughput(clock)
    clock.seconds = 1_000.0
    assert throughput.gives_way()
    move(throughput, clock, FAIR_SECONDS, 2 * FAIR_BYTES_PER_SECOND)
    assert not throughput.gives_way()
    assert 1.9 < throughput.rate() / FAIR_BYTES_PER_SECOND < 2.5


def test_a_wait_for_something_else_than_the_client_counts_for_nothing() -> None:
    clock = Clock()
    throughput = Throughput(clock)
    move(throughput, clock, 2 * FAIR_SECONDS, 1.5 * FAIR_BYTES_PER_SECOND)
    with throughput.paused():
        clock.seconds += 1_000.0
        assert not throughput.gives_way()
    clock.seconds += 0.5
    assert not throughput.gives_way()
    clock.seconds += FAIR_SECONDS
    assert throughput.gives_way()
    with throughput.paused():
        assert not throughput.gives_way()
