"""JSON files that several runs write at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from tsdisentangle.persistence.files import write_atomically


def change_json(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace what a file holds; nobody else changes it between reading and writing.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there. The lock is a file beside it.
    change : callable
        Takes the content (empty if there is no file) and returns the new one.

    Returns
    -------
    dict
        The new content.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "rows.json"
    >>> for name in "ab":
    ...     content = change_json(path, lambda old: old | {name: 1})
    >>> content
    {'a': 1, 'b': 1}
    >>> folder.cleanup()
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        content = change(json.loads(path.read_text()) if path.exists() else {})
        write_atomically(path, [json.dumps(content, indent=1).encode(), b"\n"])
    return content
