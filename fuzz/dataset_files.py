"""Fuzz what reads the files of data sets: every file is a data set, or raises ValueError.

The first byte of an input says which reader gets the rest. Readers see files here that never reach
them in use, since a download is compared with the SHA-256 of the published one first; archives are
opened before that, and their error is the OSError that says so.
"""

import io
import sys
import warnings
from contextlib import suppress

import atheris
from running import fuzz, scratch

for name in ("zipfile", "tarfile"):  # imported before, without instrumentation
    sys.modules.pop(name, None)
with atheris.instrument_imports(include=["tsdisentangle.datasets", "zipfile", "tarfile"]):
    import tarfile
    import zipfile

    from tsdisentangle.datasets import _air_quality, _etth1, _physionet_stays
    from tsdisentangle.datasets._base import RemoteFile, read_verified

NAME = "100001.txt"
RECORD = (
    b"Time,Parameter,Value\n00:00,RecordID,100001\n00:00,Age,54\n00:00,Gender,0\n"
    b"00:00,Height,-1\n00:00,ICUType,4\n00:00,Weight,80.5\n"
    + b"".join(b"%02d:07,HR,73\n%02d:30,Temp,36.6\n" % (hour, hour) for hour in range(48))
)
STATION = (
    b"No,year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3,TEMP,PRES,DEWP,RAIN,wd,WSPM,station\n"
    + b"".join(
        b"%d,2013,3,%d,%d,4,4,4,NA,300,77,-0.7,1023,-18.8,0,NNW,4.4,Aotizhongxin\n"
        % (hour + 1, hour // 24 + 1, hour % 24)
        for hour in range(672)
    )
)
LOADS = b"date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n" + b"".join(
    b"2016-07-%02d %02d:00:00,5.827,2.009,1.599,0.462,4.203,1.340,30.531\n"
    % (hour // 24 + 1, hour % 24)
    for hour in range(672)
)
SCRATCH = {kind: scratch(f"file{kind}") for kind in (".zip", ".tar.gz")}


def zipped(content: bytes, method: int) -> bytes:
    """An archive of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", content)
    return buffer.getvalue()


def tarred(content: bytes, mode: str) -> bytes:
    """An archive of one member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_records(text: bytes) -> None:
    """A record of the PhysioNet challenge, to its hourly grid."""
    events = _physionet_stays.parse({NAME: text})
    for protocol in ("corrected", "published"):
        _physionet_stays.grid_stays(events, protocol)


def read_stations(text: bytes) -> None:
    """A station of Beijing's air quality."""
    _air_quality.read_series({NAME: text})


def read_loads(text: bytes) -> None:
    """The table of ETTh1."""
    table = _etth1.read_table(text)
    _etth1.month_starts(table.index)


def read_archive(content: bytes, kind: str) -> None:
    """An archive, as a download."""
    SCRATCH[kind].write_bytes(content)
    remote = RemoteFile(f"file{kind}", "https://example.org", r".*", lambda members: None)
    try:
        read_verified(remote, SCRATCH[kind])
    except OSError as error:
        if "is not the file" not in str(error):
            raise


READERS = (
    read_records,
    read_stations,
    read_loads,
    lambda content: read_archive(content, ".zip"),
    lambda content: read_archive(content, ".tar.gz"),
)
INNER = zipped(b"some text", zipfile.ZIP_DEFLATED)
SEEDS = (
    (0, RECORD),
    (1, STATION),
    (2, LOADS),
    *((3, zipped(b"some text" * 9, method)) for method in (0, 8, 12, 14)),
    (3, zipped(INNER, 0).replace(b"a.txt", b"a.zip")),
    (4, tarred(b"some text" * 9, "w:gz")),
)
WORDS = (
    *(b"Time,Parameter,Value", b"RecordID", b"MechVent", b"Weight", b"00:00", b"47:59", b"NA"),
    *(b"inf", b"nan", b"-1", b"1e400", b"year", b"station", b"RAIN", b"PM2.5", b"date", b"OT"),
    *(b"PK\3\4", b"PK\1\2", b"PK\5\6", b"a.zip", b"\x1f\x8b", b"ustar"),
)


def target(data: bytes) -> None:
    """Give an input to its reader."""
    if not data:
        return
    with suppress(ValueError):
        READERS[data[0] % len(READERS)](data[1:])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fuzz("dataset_files", target, [bytes([kind]) + text for kind, text in SEEDS], words=WORDS)
