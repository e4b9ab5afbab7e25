"""The sound of a whole file."""

from pathlib import Path
from typing import Any

import numpy as np
from automix_audio.decode import open_audio
from numpy.typing import NDArray


def read(path: Path, **options: Any) -> NDArray[np.float32]:
    """Every frame that `open_audio` decodes with these options, shape (frames, channels)."""
    with open_audio(path, **options) as reader:
        return np.concatenate(list(reader.blocks()))
