import sys

import numba
import numpy as np
import pytest

from processing.core.compiling import compiled_inner


def test_an_inner_function_leaves_the_references_to_its_arrays_as_they_were():
    @compiled_inner
    def largest(values):
        found = values[0]
        for k in range(values.size):
            rest = values[k:]
            found = max(found, rest[0])
        return found

    values = np.array([1.0, 3.0, 2.0])
    before = sys.getrefcount(values)
    assert [largest(values) for _ in range(100)] == [3.0] * 100
    assert sys.getrefcount(values) == before


def test_an_inner_function_that_makes_an_array_is_refused():
    @compiled_inner
    def doubled(values):
        return (2.0 * values).sum()

    with pytest.raises(numba.NumbaError, match="NRT"):
        doubled(np.ones(3))
