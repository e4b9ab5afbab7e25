"""Any channel layout to one or two channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_M3 = 10 ** (-3 / 20)
# ITU-R BS.775 downmix: centre and surrounds at -3 dB into their side, no LFE; heights are treated like surrounds.
_SURROUND = {"SL": _M3, "BL": _M3, "TFL": _M3, "TBL": _M3, "TSL": _M3, "WL": _M3}
_LEFT = {"FL": 1.0, "FLC": 1.0, "FC": _M3, "BC": 0.5, **_SURROUND}
_RIGHT = {"FR": 1.0, "FRC": 1.0, "FC": _M3, "BC": 0.5, **{k.replace("L", "R"): v for k, v in _SURROUND.items()}}
_UNNAMED = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "SL", "SR"),
    6: ("FL", "FR", "FC", "LFE", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
    12: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "TFL", "TFR", "TBL", "TBR"),
}


def downmix_matrix(channels: int, names: Sequence[str] = ()) -> npt.NDArray[np.float32] | None:
    """Gains to stereo, shape (2, channels); None for one or two channels, which stay as they are.

    A layout without names, and of no usual number, puts its channels left and right in turn.
    """
    if channels <= 2:
        return None
    if len(names) != channels or not any(name in _LEFT or name in _RIGHT for name in names):
        names = _UNNAMED.get(channels, tuple("FL" if i % 2 == 0 else "FR" for i in range(channels)))
    return np.array([[side.get(name, 0.0) for name in names] for side in (_LEFT, _RIGHT)], np.float32)
