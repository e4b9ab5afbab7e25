"""Medians and quantiles are numpy's."""

import numpy as np
from automix_mixer.engine.dsp.quantiles import median, quantile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

VALUES = st.sampled_from([np.float32, np.float64]).flatmap(
    lambda kind: arrays(
        kind,
        st.integers(1, 40),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)


@given(values=VALUES)
def test_a_median_is_numpys_to_the_bit(values: np.ndarray) -> None:
    found, wanted = median(values), np.median(values)
    assert (found, found.dtype) == (wanted, wanted.dtype)


@given(values=VALUES, percent=st.integers(0, 100))
def test_a_quantile_is_numpys_to_the_bit(values: np.ndarray, percent: int) -> None:
    found, wanted = quantile(values, percent / 100), np.percentile(values, percent)
    assert (found, found.dtype) == (wanted, wanted.dtype)


@given(values=VALUES, percent=st.integers(0, 100))
def test_a_share_of_double_precision_is_kept(values: np.ndarray, percent: int) -> None:
    """As numpy takes several percentiles at once."""
    found, wanted = quantile(values, np.float64(percent / 100)), np.percentile(values, (percent, 50))[0]
    assert (found, found.dtype) == (wanted, wanted.dtype)
