"""What a render left in its folder, stored under the attempt's own keys and described for its rows."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_common.objects.storage import Content, ObjectStore
from automix_common.process.ids import new_id

from automix_mixer.content_types import content_type, filetype
from automix_mixer.domain import Claim, NewRender, RenderFile
from automix_mixer.naming import beside, output_label, render_name, track_label
from automix_mixer.repository.keys import attempt_prefix
from automix_mixer.worker.patience import Patience

KINDS = {"comparison": "plain_sum", "picture": "picture"}
STEM = "stem_"
TRACK = "track_"
NAMED = {STEM: "stem", TRACK: "track", "master_": "master", "version_": "version"}
"""Kinds of the engine's files that have a name: by the beginning of `stem_lead`, which kind of file it is here."""


class BadOutputError(Exception):
    """The renderer's answer does not hold what it promises."""


async def store_outputs(
    store: ObjectStore, claimed: Claim, folder: Path, result: Mapping[str, Any], patience: Patience
) -> NewRender:
    """Uploads the mix and the files beside it. Raises Unavailable, BadOutputError."""
    named = [(str(file["kind"]), _inside(folder, file["path"])) for file in result["files"]]
    mix = next((path for kind, path in named if kind == "mix"), None)
    if mix is None:
        raise BadOutputError("there is no mix among the files")
    prefix = attempt_prefix(claimed.job_id, claimed.attempt)

    async def put(path: Path, name: str) -> tuple[str, Content]:
        key = f"{prefix}{name}{path.suffix}"
        return key, await patience.call(lambda: store.put_file(key, path, content_type(key)))

    mix_key, content = await put(mix, "mix")
    filename = render_name(claimed.project_name, claimed.inputs, mix.suffix)
    files = []
    for number, (kind, path) in enumerate(named):
        beginning = next((one for one in NAMED if kind.startswith(one)), "")
        kept = NAMED.get(beginning) or KINDS.get(kind)
        if kept is None:
            continue
        key, its = await put(path, f"{kept}-{number}")
        naming = track_label if beginning == TRACK else output_label
        label = naming(kind.removeprefix(beginning) if beginning else kept)
        name = beside(filename, label, path.suffix)
        files.append(RenderFile(new_id(), kept, key, name, its.size, its.sha256))
    return NewRender(
        id=new_id(),
        storage_key=mix_key,
        filename=filename,
        filetype=filetype(mix_key),
        duration=float(result["duration_s"]),
        size=content.size,
        sha256=content.sha256,
        loudness=_finite(result["integrated_lufs"]),
        true_peak=_finite(result["true_peak_dbtp"]),
        plan=storable(result["plan"]),
        report=storable(result["report"]),
        files=files,
    )


def _inside(folder: Path, named: str) -> Path:
    """A file that the renderer names. It has decoded files of strangers, so what it says is checked."""
    path = Path(named)
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise BadOutputError(f"{named} is not a file of the render's folder")
    return path


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def storable(value: Any) -> Any:
    """A JSON document as PostgreSQL takes it: no NaN or infinities (null instead), no NUL in texts."""
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str):
        return value.replace("\0", " ")
    if isinstance(value, list):
        return [storable(one) for one in value]
    if isinstance(value, dict):
        return {storable(name): storable(one) for name, one in value.items()}
    return value
