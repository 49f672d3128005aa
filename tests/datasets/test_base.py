from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import pytest

from tsdisentangle.datasets._air_quality import AIR_QUALITY
from tsdisentangle.datasets._archive import content_digest
from tsdisentangle.datasets._base import (
    RemoteFile,
    fetch_file,
    get_data_home,
    published_content,
    read_verified,
)
from tsdisentangle.datasets._etth1 import ETTH1
from tsdisentangle.datasets._physionet2012 import OUTCOME_FILES, RECORDS

MEMBERS = {"a.txt": b"one\n", "b.txt": b"two\n"}
PUBLISHED = [ETTH1, AIR_QUALITY, *RECORDS.values(), *OUTCOME_FILES.values()]


@pytest.fixture
def remote(server):
    return RemoteFile(
        path="set/data.zip",
        url=server.url,
        pattern=r"\w\.txt",
        verify=published_content(2, content_digest(MEMBERS)),
    )


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_data_home(monkeypatch, tmp_path):
    assert get_data_home() == pooch.os_cache("tsdisentangle")
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(tmp_path / "environment"))
    assert get_data_home() == tmp_path / "environment"
    assert get_data_home(tmp_path / "argument") == tmp_path / "argument"
    assert get_data_home("~/data") == Path.home() / "data"


def test_missing_and_not_to_be_downloaded(remote, server, tmp_path):
    with pytest.raises(OSError, match=r"data\.zip is missing.*TSDISENTANGLE_DATA"):
        fetch_file(remote, data_home=tmp_path / "home", download_if_missing=False)
    assert server.requests == 0
    assert not (tmp_path / "home").exists()


def test_downloads_once(remote, server, pack, tmp_path):
    server.answers = [(200, pack[".zip"](MEMBERS))]
    for _ in range(2):
        path = fetch_file(remote, data_home=tmp_path / "home", download_if_missing=True)
        assert read_verified(remote, path) == MEMBERS
    assert server.requests == 1
    assert files(tmp_path / "home") == ["set/data.zip"]


def test_tries_again(remote, server, pack, tmp_path):
    server.answers = [(503, b""), (200, pack[".zip"](MEMBERS))]
    path = fetch_file(remote, data_home=tmp_path / "home", download_if_missing=True)
    assert read_verified(remote, path) == MEMBERS
    assert server.requests == 2


def test_download_fails(remote, server, tmp_path):
    with pytest.raises(
        OSError, match=r"could not be downloaded: 404.*save the file as .*data\.zip"
    ):
        fetch_file(remote, data_home=tmp_path / "home", download_if_missing=True)
    assert server.requests == 3
    assert files(tmp_path / "home") == []


def damaged_files(pack):
    good = pack[".zip"](MEMBERS)
    return {
        "truncated": good[: len(good) // 2],
        "other content": pack[".zip"]({**MEMBERS, "b.txt": b"twp\n"}),
        "member missing": pack[".zip"]({"a.txt": b"one\n"}),
        "error page": b"<html>Sorry</html>",
        "empty": b"",
        "flipped bit": bytes([*good[:36], good[36] ^ 1, *good[37:]]),
    }


CASES = ["truncated", "other content", "member missing", "error page", "empty", "flipped bit"]


@pytest.mark.parametrize("case", CASES)
def test_damaged_download_leaves_nothing(remote, server, pack, tmp_path, case):
    server.answers = [(200, damaged_files(pack)[case])]
    with pytest.raises(OSError, match=r"is not the published file: .*Nothing was kept"):
        fetch_file(remote, data_home=tmp_path / "home", download_if_missing=True)
    assert files(tmp_path / "home") == []


@pytest.mark.parametrize("case", CASES)
def test_damaged_file_in_the_cache(remote, pack, tmp_path, case):
    path = tmp_path / "data.zip"
    path.write_bytes(damaged_files(pack)[case])
    with pytest.raises(OSError, match=r"data\.zip is not the file .*Delete it and call again"):
        read_verified(remote, path)


def test_the_reason_is_said(remote, pack, tmp_path):
    path = tmp_path / "data.zip"
    path.write_bytes(damaged_files(pack)["member missing"])
    with pytest.raises(OSError, match="it holds 1 of the 2 expected members"):
        read_verified(remote, path)
    path.write_bytes(damaged_files(pack)["other content"])
    with pytest.raises(OSError, match=f"expected {content_digest(MEMBERS)}"):
        read_verified(remote, path)


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_no_flipped_bit_is_ever_believed(remote, pack, tmp_path, kind):
    remote = replace(remote, path=f"data{kind}")
    good = pack[kind](MEMBERS)
    path = tmp_path / remote.path
    refused = 0
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 16]) + good[position + 1 :])
        try:
            assert read_verified(remote, path) == MEMBERS  # the bit meant nothing
        except OSError:
            refused += 1
    assert refused > len(good) / 4


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda remote: remote.path)
def test_every_url_is_its_publishers(published):
    address = urlsplit(published.url)
    assert address.scheme == "https"
    assert address.hostname in {
        "raw.githubusercontent.com",
        "archive.ics.uci.edu",
        "physionet.org",
    }


@pytest.mark.slow
@pytest.mark.parametrize("published", PUBLISHED, ids=lambda remote: remote.path)
def test_real_file_comes_through_a_download(published, server, real_data, tmp_path):
    original = real_data / published.path
    if not original.exists():
        pytest.skip(f"{published.path} is not here")
    server.answers = [(200, original.read_bytes())]
    path = fetch_file(
        replace(published, url=server.url), data_home=tmp_path, download_if_missing=True
    )
    assert path == tmp_path / published.path
    assert path.read_bytes() == original.read_bytes()


def test_air_quality_in_a_second_zip(real_data, server, pack, tmp_path):
    original = real_data / AIR_QUALITY.path
    outer = {"PRSA2017_Data_20130301-20170228.zip": original.read_bytes(), "test.csv": b"x\n"}
    server.answers = [(200, pack[".zip"](outer))]
    remote = replace(AIR_QUALITY, url=server.url)
    path = fetch_file(remote, data_home=tmp_path, download_if_missing=True)
    assert read_verified(remote, path) == read_verified(AIR_QUALITY, original)
