"""A fitted estimator, its model file, and files with contents of one's own."""

import json
import zipfile

import numpy as np
import pytest
import safetensors.torch
from helpers import small

from tsdisentangle import TabularEncoder
from tsdisentangle.persistence.archive import DOCUMENT, WEIGHTS, pack


@pytest.fixture(scope="session")
def training_panel():
    return np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def fitted(training_panel):
    encoder = TabularEncoder(hidden=4, out_features=3)
    return small(encoder=encoder, max_epochs=2).fit(training_panel)


@pytest.fixture(scope="session")
def model(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.tsd"
    fitted.save(path)
    return path


@pytest.fixture(scope="session")
def parts(model):
    """Return the document and the tensors of the model file; copy them before changing them."""
    with zipfile.ZipFile(model) as archive:
        weights = safetensors.torch.load(archive.read(WEIGHTS))
        return json.loads(archive.read(DOCUMENT)), weights


@pytest.fixture(scope="session")
def forge():
    """Return what writes a file with right hashes and any content, as an attacker can."""

    def write(path, document, weights):
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        data = weights if isinstance(weights, bytes) else safetensors.torch.save(weights)
        path.write_bytes(b"".join(pack(text, data)))
        return path

    return write
