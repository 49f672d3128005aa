"""The container: an ordinary zip to others, and nothing but its own bytes to us."""

import io
import pickle
import re
import struct
import warnings
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsdisentangle.persistence.archive import (
    DOCUMENT,
    LIMITS,
    SUMS,
    WEIGHTS,
    ModelFileError,
    checksums,
    pack,
    read_document,
    read_weights,
)

CONTENTS = b'{"a": 1}', bytes(range(40))
FILE = b"".join(pack(*CONTENTS))


def read(data):
    file = io.BytesIO(data)
    document = read_document(file)
    return document, read_weights(file, document)


def zipped(members, compression=zipfile.ZIP_STORED):
    """A zip file as another program writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def members(**other):
    contents = {SUMS: checksums(*CONTENTS), DOCUMENT: CONTENTS[0], WEIGHTS: CONTENTS[1], **other}
    return list(contents.items())


def test_others_read_it_as_an_ordinary_zip():
    with zipfile.ZipFile(io.BytesIO(FILE)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [SUMS, DOCUMENT, WEIGHTS]
        assert (archive.read(DOCUMENT), archive.read(WEIGHTS)) == CONTENTS


@settings(max_examples=30)
@given(st.binary(max_size=200), st.binary(max_size=200))
@example(b"", b"")
def test_what_is_packed_comes_back(document, weights):
    assert read(b"".join(pack(document, weights))) == (document, weights)


def test_every_flipped_bit_is_noticed():
    for place in range(len(FILE)):
        for bit in range(8):
            damaged = bytearray(FILE)
            damaged[place] ^= 1 << bit
            with pytest.raises(ModelFileError):
                read(bytes(damaged))


def test_the_head_alone_is_right_or_refused():
    """Reading only the document may overlook damage after it, never damage in it."""
    for place in range(len(FILE)):
        damaged = bytearray(FILE)
        damaged[place] ^= 1
        try:
            assert read_document(io.BytesIO(bytes(damaged))) == CONTENTS[0]
        except ModelFileError:
            assert place < FILE.index(WEIGHTS.encode(), FILE.index(CONTENTS[0]))


def test_every_truncation_is_noticed():
    for length in range(len(FILE)):
        with pytest.raises(ModelFileError):
            read(FILE[:length])


@settings(max_examples=50)
@given(st.integers(0, len(FILE)), st.binary(min_size=1, max_size=40))
def test_every_insertion_is_noticed(place, more):
    with pytest.raises(ModelFileError):
        read(FILE[:place] + more + FILE[place:])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin like a zip"),
        (pickle.dumps({"a": 1}), "does not begin like a zip"),
        (FILE[:20], "ends before its member SHA256SUMS"),
        (FILE[:60], r"ends within its member SHA256SUMS: \d+ of"),
        (FILE[:-30], "zip structure"),
        (FILE + b"\0", "goes on beyond its end"),
        (zipped(members()), "zip structure"),
        (zipped([*members(), ("evil.py", b"")]), "zip structure"),
        (zipped([*members(), (WEIGHTS, b"other")]), "zip structure"),
        (zipped([("../" + SUMS, b""), *members()[1:]]), r"holds b'../SHA256SUMS'"),
        (zipped([("/etc/passwd", b"")]), "holds b'/etc/passwd'"),
        (zipped(members(), zipfile.ZIP_DEFLATED), "SHA256SUMS"),
        (zipped([("0.bin", bytes(10**6))], zipfile.ZIP_DEFLATED), "holds b'0.bin'"),
        (zipped(members(**{WEIGHTS: b"other"})), f"The member {WEIGHTS} is not what was written"),
        (zipped(members(**{DOCUMENT: b"other"})), f"The member {DOCUMENT} is not what was written"),
        (zipped(members(**{SUMS: b"other"})), f"The member {DOCUMENT} is not what was written"),
    ],
)
def test_foreign_and_malicious_files_are_told_apart(data, message):
    with pytest.raises(ModelFileError, match=message):
        read(data)


@pytest.mark.parametrize("name", LIMITS)
def test_a_member_that_claims_too_much_is_refused_before_it_is_read(name):
    start = re.search(rb"PK\x03\x04.{26}" + name.encode(), FILE, re.DOTALL).start()
    claimed = bytearray(FILE)
    claimed[start + 18 : start + 26] = struct.pack("<2I", 2**32 - 1, 2**32 - 1)
    with pytest.raises(ModelFileError, match=f"{name} claims 4294967295 bytes"):
        read(bytes(claimed))


def test_too_large_a_member_is_not_written():
    with pytest.raises(ModelFileError, match=r"model.json would have 16777217 bytes"):
        pack(bytes(LIMITS[DOCUMENT] + 1), b"")
