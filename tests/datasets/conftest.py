import functools
import inspect
import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from tsdisentangle.datasets import load_japanese_vowels
from tsdisentangle.datasets._physionet2012 import RECORDS

SIBLING = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL = Path(os.environ.get("TSDISENTANGLE_DATA") or SIBLING)


@pytest.fixture(autouse=True)
def _own_caches(monkeypatch, tmp_path):
    """No test reads or writes the user's caches."""
    monkeypatch.delenv("TSDISENTANGLE_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "user-cache" / project)


@pytest.fixture(scope="session")
def real_data():
    """Return the folder of the published files."""
    if not REAL.is_dir():
        pytest.skip("the published files are not here; set TSDISENTANGLE_DATA to their folder")
    return REAL


@pytest.fixture(scope="session")
def load_real(real_data, tmp_path_factory):
    """Return a function that calls a loader on the published files, once per session."""
    results = {}
    cache = tmp_path_factory.mktemp("user-cache")

    def load(loader, **options):
        call = inspect.signature(loader).bind(**options)
        call.apply_defaults()  # an option at its default is the same call as without it
        key = (loader.__name__, *call.arguments.items())
        if key not in results:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pooch, "os_cache", lambda project: cache / project)
                results[key] = loader(data_home=real_data, download_if_missing=False, **options)
        return results[key]

    return load


@pytest.fixture(scope="session")
def vowels():
    """JapaneseVowels, which sktime brings."""
    pytest.importorskip("sktime")
    return load_japanese_vowels()


@pytest.fixture(scope="session")
def physionet_texts(real_data):
    """Return a function: the text of each record of a set, as ``{base name: content}``."""

    @functools.cache
    def read(subset):
        with tarfile.open(real_data / RECORDS[subset].path) as archive:
            return {m.name[-10:]: archive.extractfile(m).read() for m in archive if m.isfile()}

    return read


def zip_bytes(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_bytes(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pack():
    """Return the functions that pack ``{name: content}`` by kind of archive."""
    return {".zip": zip_bytes, ".tar.gz": tar_bytes}


class Server:
    """Answers each request with the next of its answers; the last one stays."""

    def __init__(self):
        self.answers = [(404, b"")]
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = outer.answers[min(outer.requests, len(outer.answers) - 1)]
                outer.requests += 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/file"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch):
    """Return a server on this machine; waits between two tries are left out."""
    monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
    server = Server()
    yield server
    server.close()
