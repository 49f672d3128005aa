"""The container of a model file: a zip of three stored members, with one layout only.

Model files and checkpoints have the same three: hashes, a JSON document and tensors. The bytes of
a file follow from the contents of its members: fixed order, no compression, no dates, no extra
fields. A file is read by checking that it is what :func:`pack` makes of its members, so every other
zip feature (more members, links, comments, encryption, bombs) is refused unseen.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import safetensors.torch
import torch
from torch import Tensor

SUMS, DOCUMENT, WEIGHTS = "SHA256SUMS", "model.json", "weights.safetensors"

# Most bytes of a member. A zip without 64-bit extensions ends at 4 GiB.
LIMITS = {SUMS: 2**12, DOCUMENT: 2**24, WEIGHTS: 2**32 - 2**25}

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
DIRECTORY_ENTRY = struct.Struct("<4s6H3I5H2I")
END_OF_DIRECTORY = struct.Struct("<4s4H2IH")
FIRST_DAY = 0x21  # 1980-01-01, the first date that a zip can hold
REGULAR_FILE = 0o100644 << 16
MADE_ON_UNIX = 3 << 8 | 20


# What a machine lacks, whatever the file: it is raised as it is, and not called a damaged file.
OF_THE_MACHINE: tuple[type[Exception], ...] = (
    OSError,
    ImportError,
    MemoryError,
    torch.cuda.OutOfMemoryError,
)


class ModelFileError(ValueError):
    """A model file cannot be read, or an estimator cannot be written into one."""


@contextmanager
def blaming_the_file(what: str, *but: type[Exception]) -> Iterator[None]:
    """Take an error for the file's fault, unless a machine lacks something or it is of ``but``.

    Raises
    ------
    ModelFileError
        Begins with ``what``.
    """
    others: tuple[type[Exception], ...] = (ModelFileError, *OF_THE_MACHINE, *but)
    try:
        yield
    except others:
        raise
    except Exception as error:
        raise ModelFileError(f"{what}: {type(error).__name__}: {error}") from error


def pack(document: bytes, weights: bytes) -> list[bytes]:
    """Return the bytes of a model file, in pieces.

    Parameters
    ----------
    document, weights : bytes
        Contents of the two members.

    Raises
    ------
    ModelFileError
        A member is larger than a reader accepts.
    """
    members = {SUMS: checksums(document, weights), DOCUMENT: document, WEIGHTS: weights}
    pieces, directory, offset = [], [], 0
    for name, content in members.items():
        if len(content) > LIMITS[name]:
            raise ModelFileError(
                f"{name} would have {len(content)} bytes; a model file takes {LIMITS[name]}. Use a "
                "smaller network, or shorten history_."
            )
        encoded = name.encode("ascii")
        shared = (0, 0, 0, FIRST_DAY, zlib.crc32(content), len(content), len(content), len(encoded))
        header = LOCAL_HEADER.pack(b"PK\3\4", 10, *shared, 0) + encoded
        entry = DIRECTORY_ENTRY.pack(
            b"PK\1\2", MADE_ON_UNIX, 10, *shared, 0, 0, 0, 0, REGULAR_FILE, offset
        )
        pieces += [header, content]
        directory.append(entry + encoded)
        offset += len(header) + len(content)
    size = sum(map(len, directory))
    end = END_OF_DIRECTORY.pack(b"PK\5\6", 0, 0, len(members), len(members), size, offset, 0)
    return [*pieces, *directory, end]


def checksums(document: bytes, weights: bytes) -> bytes:
    """Return the list of hashes, in the form of the tool ``sha256sum``."""
    contents = {DOCUMENT: document, WEIGHTS: weights}
    lines = (f"{hashlib.sha256(each).hexdigest()}  {name}\n" for name, each in contents.items())
    return "".join(lines).encode("ascii")


def read_document(file: BinaryIO) -> bytes:
    """Read and verify the JSON member; the weights are not looked at.

    Raises
    ------
    ModelFileError
        Not a model file, or a damaged one.
    """
    size = file.seek(0, 2)
    file.seek(0)
    sums = _read_member(file, SUMS, size)
    document = _read_member(file, DOCUMENT, size)
    _check_sum(sums, DOCUMENT, document)
    return document


def read_weights(file: BinaryIO, document: bytes) -> bytes:
    """Read and verify the weights, and with them every byte of the file.

    Parameters
    ----------
    file : file
        At the position where :func:`read_document` left it.
    document : bytes
        The JSON member.

    Raises
    ------
    ModelFileError
        The file is damaged, or holds anything else.
    """
    place = file.tell()
    size = file.seek(0, 2)
    file.seek(place)
    weights = _read_member(file, WEIGHTS, size)
    file.seek(0)
    sums = _read_member(file, SUMS, size)
    _check_sum(sums, WEIGHTS, weights)
    file.seek(0)
    for piece in pack(document, weights):
        if file.read(len(piece)) != piece:
            raise ModelFileError(
                "The zip structure of the file is not as it was written: it was damaged, or packed "
                "again by another program. Save the model again, or copy the file once more."
            )
    if file.read(1):
        raise ModelFileError("The file goes on beyond its end; something was appended to it.")
    return weights


def write_tensors(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors of any device as the bytes of a safetensors file."""
    # Copies: safetensors refuses tensors that share memory.
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return safetensors.torch.save(copies)


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Return what :func:`write_tensors` wrote.

    Raises
    ------
    ModelFileError
    """
    # KeyError, of a dtype that torch lacks, among others.
    with blaming_the_file("weights.safetensors cannot be read"):
        return safetensors.torch.load(content)


def _read_member(file: BinaryIO, name: str, size: int) -> bytes:
    """Content of the member that begins here and must have a given name."""
    header = file.read(LOCAL_HEADER.size)
    if name == SUMS and not header.startswith(b"PK\3\4"):
        raise ModelFileError(
            "This is not a model file of tsdisentangle: it does not begin like a zip archive."
        )
    if len(header) < LOCAL_HEADER.size:
        raise ModelFileError(f"The file ends before its member {name}; it was cut off.")
    signature, *_, length, _, name_length, _ = LOCAL_HEADER.unpack(header)
    found = file.read(min(name_length, 2**8))
    if signature != b"PK\3\4" or found != name.encode("ascii"):
        raise ModelFileError(
            f"The file holds {found!r} where its member {name} is expected; it is not a model file "
            "of tsdisentangle, or it was damaged or packed again by another program."
        )
    if length > LIMITS[name]:
        raise ModelFileError(
            f"The member {name} claims {length} bytes; at most {LIMITS[name]} are accepted."
        )
    left = size - file.tell()
    if length > left:
        raise ModelFileError(
            f"The file ends within its member {name}: {left} of {length} bytes are there. It was "
            "cut off or damaged; copy it again."
        )
    return file.read(length)


def _check_sum(sums: bytes, name: str, content: bytes) -> None:
    pattern = rb"^([0-9a-f]{64})  " + re.escape(name.encode("ascii")) + rb"$"
    found = re.findall(pattern, sums, re.MULTILINE)
    actual = hashlib.sha256(content).hexdigest()
    if found != [actual.encode("ascii")]:
        raise ModelFileError(
            f"The member {name} is not what was written: its sha256 is {actual[:12]}..., which "
            f"{SUMS} does not say. The file was damaged or edited; copy it again."
        )
