"""MixerService: jobs, renders and presets behind one name."""

from datetime import timedelta

from automix_common.database.pool import Database
from automix_common.objects.downloads import Downloads

from automix_mixer.domain import JobLimits
from automix_mixer.jobs_servicer import JobsServicer
from automix_mixer.peers import Peers
from automix_mixer.presets.servicer import PresetsServicer
from automix_mixer.renders_servicer import RendersServicer
from automix_mixer.watching import Watcher


class MixerServicer(JobsServicer, RendersServicer, PresetsServicer):
    """The whole service."""

    def __init__(
        self,
        database: Database,
        downloads: Downloads,
        peers: Peers,
        watcher: Watcher,
        *,
        limits: JobLimits,
        kept_for: timedelta,
    ) -> None:
        JobsServicer.__init__(self, database, peers, watcher, limits=limits)
        RendersServicer.__init__(self, database, downloads, peers, kept_for=kept_for)
        PresetsServicer.__init__(self, database)
