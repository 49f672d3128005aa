import hashlib
import io
import tarfile
import zipfile

import pytest

from tsdisentangle.datasets import _archive
from tsdisentangle.datasets._archive import content_digest, read_members

MEMBERS = {"a.txt": b"one\ntwo\n", "b.txt": b"", "c.txt": b"\x00\xff\n"}


def save(path, content):
    path.write_bytes(content)
    return path


def test_digest_is_as_defined():
    packed = b"a.txt\x008\x00one\ntwo\n" + b"b.txt\x000\x00" + b"c.txt\x003\x00\x00\xff\n"
    assert content_digest(MEMBERS) == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    "repack",
    [
        lambda members: members,
        lambda members: dict(reversed(members.items())),
        lambda members: {f"some/folder/{name}": text for name, text in members.items()},
        lambda members: {name: text.replace(b"\n", b"\r\n") for name, text in members.items()},
        lambda members: {**members, "__MACOSX/._a.txt": b"noise", "README": b"noise"},
    ],
    ids=["same", "reversed", "folder", "crlf", "extras"],
)
def test_any_packing_has_the_same_digest(tmp_path, pack, kind, repack):
    path = save(tmp_path / "archive", pack[kind](repack(MEMBERS)))
    members = read_members(path, f"x{kind}", r"\w+\.txt")
    assert content_digest(members) == content_digest(MEMBERS)


@pytest.mark.parametrize(
    "other",
    [
        {**MEMBERS, "a.txt": b"one\ntwp\n"},
        {**MEMBERS, "d.txt": b""},
        {"a.txt": MEMBERS["a.txt"], "b.txt": b""},
        {"a.txt": b"", "b.txt": MEMBERS["a.txt"], "c.txt": MEMBERS["c.txt"]},
    ],
)
def test_any_change_changes_the_digest(other):
    assert content_digest(other) != content_digest(MEMBERS)


def test_zip_inside_a_zip(tmp_path, pack):
    inner = pack[".zip"]({f"data/{name}": text for name, text in MEMBERS.items()})
    path = save(tmp_path / "outer", pack[".zip"]({"inner.zip": inner, "read.me": b"hello"}))
    assert read_members(path, "x.zip", r"\w+\.txt") == MEMBERS


def test_zips_are_opened_one_level_deep(tmp_path, pack):
    content = pack[".zip"](MEMBERS)
    for _ in range(2):
        content = pack[".zip"]({"inner.zip": content})
    assert read_members(save(tmp_path / "outer", content), "x.zip", r"\w+\.txt") == {}


def test_plain_file_has_its_published_name(tmp_path):
    path = save(tmp_path / "temporary-name", b"text")
    assert read_members(path, "folder/data.csv", r"data\.csv") == {"data.csv": b"text"}


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_two_members_of_one_name(tmp_path, pack, kind):
    path = save(tmp_path / "archive", pack[kind]({"x/a.txt": b"1", "y/a.txt": b"2"}))
    with pytest.raises(ValueError, match=r"two members named 'a\.txt'"):
        read_members(path, f"x{kind}", r"a\.txt")


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_a_member_name_never_becomes_a_path(tmp_path, pack, kind):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = save(folder / "archive", pack[kind]({"../../evil.txt": b"1", "/evil2.txt": b"2"}))
    before = sorted(tmp_path.rglob("*"))
    assert set(read_members(path, f"x{kind}", r"\w+\.txt")) == {"evil.txt", "evil2.txt"}
    assert sorted(tmp_path.rglob("*")) == before


def test_links_are_no_members(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("a.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    assert read_members(save(tmp_path / "t", buffer.getvalue()), "x.tar.gz", r"a\.txt") == {}


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_size_is_limited(tmp_path, pack, kind, monkeypatch):
    monkeypatch.setattr(_archive, "UNPACKED_LIMIT", 1000)
    path = save(tmp_path / "archive", pack[kind]({"a.txt": b"0" * 600, "b.txt": b"0" * 600}))
    assert len(read_members(path, f"x{kind}", r"a\.txt")) == 1
    with pytest.raises(ValueError, match="unpacks to 1200 bytes"):
        read_members(path, f"x{kind}", r"\w\.txt")


def test_a_forged_size_does_not_fill_the_memory(tmp_path, pack):
    content = pack[".zip"]({"a.txt": b"0" * 10_000_000})
    forged = content.replace((10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path = save(tmp_path / "archive", forged)
    with pytest.raises(Exception, match="CRC"):
        read_members(path, "x.zip", r"a\.txt")


def beyond_the_file(content):
    """The same zip with a table of contents that says it stands a megabyte later."""
    place = int.from_bytes(content[-6:-2], "little") + 2**20
    return content[:-6] + place.to_bytes(4, "little") + content[-2:]


def test_a_member_outside_of_the_file_is_refused(tmp_path, pack):
    """Found by fuzzing: zipfile lets the system's error through."""
    path = save(tmp_path / "archive", beyond_the_file(pack[".zip"](MEMBERS)))
    with pytest.raises(ValueError, match=r"its member 'a\.txt' cannot be read"):
        read_members(path, "x.zip", r"\w+\.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_is_refused(tmp_path, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", bytes(range(256)) * 9)
    content = bytearray(buffer.getvalue())
    content[45:75] = bytes(30)
    with pytest.raises(ValueError, match=r"its member 'a\.txt' cannot be read"):
        read_members(save(tmp_path / "archive", content), "x.zip", r"a\.txt")
