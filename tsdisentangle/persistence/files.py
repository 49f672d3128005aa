"""Files that are read safely, and written as a whole or not at all."""

import errno
import os
import secrets
import stat
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import BinaryIO

from tsdisentangle.persistence.archive import ModelFileError

File = str | os.PathLike | BinaryIO


def open_regular_file(file: File) -> BinaryIO:
    """Open a regular file for reading; reading a pipe or a device might never end.

    Parameters
    ----------
    file : str, path or binary file
        A file that is open is read into memory, from its position on, and stays open.

    Returns
    -------
    binary file

    Raises
    ------
    ModelFileError
        The path is that of something else, or nothing follows in an open file.
    OSError
        It cannot be opened.
    """
    if not isinstance(file, str | os.PathLike):
        refuse_text(file)
        content = file.read()
        if not content:
            raise ModelFileError("The file has nothing after its position; call seek(0) first.")
        return BytesIO(content)
    path = Path(file).expanduser()
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError(f"{os.fspath(file)!r} is not a file.")
    return open(path, "rb")


def refuse_text(file: BinaryIO) -> None:
    """Refuse a file that is open in text mode, or something else than a file.

    Raises
    ------
    ValueError
    """
    if isinstance(file, TextIOBase) or not (hasattr(file, "read") or hasattr(file, "write")):
        raise ValueError(
            f"Expected a path or a file that is open in binary mode, as open(path, 'rb') or "
            f"open(path, 'wb'), got {file!r}."
        )


def write_whole(file: File, pieces: list[bytes]) -> None:
    """Write pieces to a path, as a whole or not at all, or to a file that is open.

    Parameters
    ----------
    file : str, path or binary file
    pieces : list of bytes

    Raises
    ------
    OSError
        As :func:`write_atomically`; or there is no such folder.
    """
    if not isinstance(file, str | os.PathLike):
        for piece in pieces:
            file.write(piece)
        return
    path = Path(file).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT,
            f"There is no folder to write {path.name} to. Make it first, with "
            "Path(folder).mkdir(parents=True)",
            str(path.parent),
        )
    if path.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "This is a folder; add the name of the file to write", str(path)
        )
    write_atomically(path, pieces)


def write_atomically(path: Path, pieces: list[bytes], temporary: Path | None = None) -> None:
    """Write a temporary file in the same folder, and rename it when it is on the disk.

    Parameters
    ----------
    path : Path
        A file that is there is replaced.
    pieces : list of bytes
    temporary : Path, default=None
        Where to write first; None for a name that nobody else uses. What a killed process has left
        there is removed.

    Raises
    ------
    OSError
        The file cannot be written; what was at ``path`` before is still there.
    """
    if temporary is None:
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
