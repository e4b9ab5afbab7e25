"""The schema `mixer`: jobs with their frozen inputs, whose turn it is, and renders with their files.

The rules that are triggers are in the migrations.
"""

from automix_mixer.tables.columns import metadata
from automix_mixer.tables.jobs import job_inputs, jobs, turns
from automix_mixer.tables.renders import render_files, render_filetype, renders

__all__ = ["job_inputs", "jobs", "metadata", "render_files", "render_filetype", "renders", "turns"]
