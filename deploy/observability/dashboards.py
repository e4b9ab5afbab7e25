"""Writes the dashboards of Grafana beside this file: `python deploy/observability/dashboards.py [--check]`."""

import sys
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER = Path(__file__).parent / "dashboards"
HALF, HEIGHT = 12, 8
WINDOW = "$__rate_interval"


class Panel(NamedTuple):
    """One graph: each query with the legend of its lines."""

    title: str
    unit: str
    says: str
    queries: tuple[tuple[str, str], ...]


def quantiles(series: str, by: str = "") -> tuple[tuple[str, str], ...]:
    """The median and the 99th percentile of a histogram."""
    group = f"{by}, le" if by else "le"
    label = f"{{{{{by}}}}} " if by else ""
    return tuple(
        (f"histogram_quantile({share}, sum by ({group}) (rate({series}_bucket[{WINDOW}])))", f"{label}{name}")
        for share, name in ((0.5, "median"), (0.99, "p99"))
    )


MIXES = (
    Panel(
        "Jobs",
        "short",
        "How many jobs wait and are worked on.",
        (("max by (status) (automix_jobs)", "{{status}}"),),
    ),
    Panel(
        "Oldest job that waits",
        "s",
        "What the next user waits at least.",
        (("max(automix_oldest_queued_job_seconds)", "oldest"),),
    ),
    Panel("Wait for a worker", "s", "From a job's creation to its first claim.", quantiles("automix_job_wait_seconds")),
    Panel(
        "Attempts",
        "reqps",
        "How attempts at jobs went.",
        ((f"sum by (outcome) (rate(automix_attempts_total[{WINDOW}]))", "{{outcome}}"),),
    ),
    Panel(
        "Failures by reason",
        "reqps",
        "Attempts without a mix; a user's own input counts too.",
        ((f"sum by (reason) (rate(automix_attempt_failures_total[{WINDOW}]))", "{{reason}}"),),
    ),
    Panel("Stages", "s", "Where an attempt's time goes.", quantiles("automix_stage_seconds", "stage")[:1]),
    Panel(
        "Speed",
        "none",
        "Length of the mix over the time of its attempt.",
        quantiles("automix_real_time_factor")[:1],
    ),
    Panel(
        "Lost leases and children",
        "short",
        "Attempts taken away, and processes that decode or mix and ended without an answer.",
        (
            ("sum(increase(automix_leases_lost_total[15m]))", "leases"),
            ("sum by (module) (increase(automix_children_lost_total[15m]))", "{{module}}"),
        ),
    ),
)
CALLS = (
    Panel(
        "Calls",
        "reqps",
        "Calls answered, by method.",
        ((f"sum by (method) (rate(automix_rpc_total[{WINDOW}]))", "{{method}}"),),
    ),
    Panel(
        "Errors",
        "reqps",
        "Calls that did not end in OK, by code.",
        ((f'sum by (code) (rate(automix_rpc_total{{code!="OK"}}[{WINDOW}]))', "{{code}}"),),
    ),
    Panel("Time to answer", "s", "Of unary calls.", quantiles("automix_rpc_seconds", "method")[1:]),
    Panel(
        "Uploads verified and refused",
        "reqps",
        "By outcome; refusals name their reason.",
        ((f"sum by (outcome) (rate(automix_verifications_total[{WINDOW}]))", "{{outcome}}"),),
    ),
    Panel(
        "Oldest event that waits",
        "s",
        "Of each schema's outbox; near zero as long as NATS takes events.",
        (("max by (schema) (automix_outbox_oldest_seconds)", "{{schema}}"),),
    ),
    Panel(
        "Events that wait for a consumer",
        "short",
        "Behind the last one fetched.",
        (("max by (consumer) (automix_consumer_waiting)", "{{consumer}}"),),
    ),
    Panel(
        "Passwords hashed",
        "reqps",
        "Each costs a fifth of a second of a core.",
        ((f"sum(rate(automix_password_hashes_total[{WINDOW}]))", "hashes"),),
    ),
)
DASHBOARDS = {
    "mixes": ("AutoMix: mixes", MIXES),
    "calls": ("AutoMix: calls and events", CALLS),
}


def rendered(uid: str, title: str, panels: tuple[Panel, ...]) -> str:
    """A dashboard as the JSON that Grafana imports."""
    board = (
        dashboard.Dashboard(title)
        .uid(f"automix-{uid}")
        .tags(["automix"])
        .refresh("30s")
        .time("now-6h", "now")
        .readonly()
    )
    for panel in panels:
        graph = (
            timeseries.Panel()
            .title(panel.title)
            .description(panel.says)
            .unit(panel.unit)
            .min(0)
            .span(HALF)
            .height(HEIGHT)
        )
        for query, legend in panel.queries:
            graph = graph.with_target(prometheus.Dataquery().expr(query).legend_format(legend))
        board = board.with_panel(graph)
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def main() -> None:
    """Writes every dashboard, or with --check exits with 1 when one differs."""
    for uid, (title, panels) in DASHBOARDS.items():
        file, text = FOLDER / f"{uid}.json", rendered(uid, title, panels)
        if "--check" not in sys.argv:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file} differs from what its code says: run `make deploy`")


if __name__ == "__main__":
    main()
