import numpy as np
import pytest
import zarr
from helpers import Slices

from tsdisentangle import Codes
from tsdisentangle.data.codes import check_out, check_out_codes

STATIC, DYNAMIC = (5, 3), (5, 4, 2)


def codes(std=False, **replaced):
    arrays = {
        "static": np.zeros(STATIC, np.float32),
        "dynamic": np.zeros(DYNAMIC, np.float16),
        "lengths": np.zeros(5, np.int32),
    }
    if std:
        arrays |= {"static_std": np.zeros(STATIC), "dynamic_std": np.zeros(DYNAMIC)}
    return Codes(**{**arrays, **replaced})


@pytest.mark.parametrize("out", [np.zeros(STATIC), zarr.zeros(STATIC), Slices(np.zeros(STATIC))])
def test_anything_that_can_be_written_to(out):
    assert check_out(out, STATIC) is out


def test_new_arrays_have_the_sizes_of_the_codes():
    assert check_out(None, STATIC).dtype == np.float32
    plain, both = (check_out_codes(None, STATIC, DYNAMIC, std) for std in (False, True))
    assert (plain.static.shape, plain.dynamic.shape, plain.lengths.shape) == (STATIC, DYNAMIC, (5,))
    assert plain.static_std is None
    assert (both.static_std.shape, both.dynamic_std.shape) == (STATIC, DYNAMIC)


def test_codes_that_fit_are_taken():
    for std in (False, True):
        out = codes(std)
        assert check_out_codes(out, STATIC, DYNAMIC, std) is out


REFUSED = {
    "an array for codes": (np.zeros(STATIC), False, r"out is a ndarray; expected Codes\(static"),
    "a list": (codes(static=[[0.0]]), False, "out.static is a list; expected an array of shape"),
    "a tuple": (codes(static=()), False, "out.static is a tuple"),
    "static size": (codes(static=np.zeros((5, 2))), False, r"out.static has shape \(5, 2\); exp"),
    "windows": (codes(dynamic=np.zeros((5, 3, 2))), False, r"expected \(5, 4, 2\)"),
    "lengths": (codes(lengths=np.zeros(4, int)), False, r"out.lengths has shape \(4,\)"),
    "integers": (
        codes(static=np.zeros(STATIC, int)),
        False,
        "dtype int64, which does not take",
    ),
    "no lengths": (codes(lengths=None), False, "out.lengths is None"),
    "no deviations": (codes(), True, "out.static_std is None; pass an array"),
    "deviations not asked for": (codes(True), False, "pass return_std=True"),
    "wrong deviations": (codes(True, dynamic_std=np.zeros(3)), True, "out.dynamic_std has shape"),
}


@pytest.mark.parametrize(("out", "std", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(out, std, message):
    with pytest.raises(ValueError, match=message):
        check_out_codes(out, STATIC, DYNAMIC, std)
