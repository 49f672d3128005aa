"""Fuzz ``load`` and ``inspect_model``: every file is a model, or raises ModelFileError.

Random bytes never get past the checksums, so the first byte of an input says what the rest is:
a whole file, or the document or the weights of one with right checksums, as an attacker would make
it.
"""

import json
import random
import warnings
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import atheris
from running import fuzz, scratch

with atheris.instrument_imports(include=["tsdisentangle.persistence"]):
    from tsdisentangle import ModelFileError, inspect_model, load
    from tsdisentangle.persistence.archive import DOCUMENT, LIMITS, WEIGHTS, pack

FILES = sorted((Path(__file__).parents[1] / "tests" / "files").glob("*.tsd"))
WHOLE, OF_DOCUMENT, OF_WEIGHTS = range(3)
ODD = (None, True, -1, 0, 1, 2**31, 2**63, 1e308, 0.5, "", "x", [], {}, [[]], {"class": "VAE"})
PATH = scratch("model.tsd")


def members(content: bytes) -> tuple[bytes, bytes]:
    """Document and weights of a model file."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return archive.read(DOCUMENT), archive.read(WEIGHTS)


WHOLES = [path.read_bytes() for path in FILES]
PARTS = [members(content) for content in WHOLES]


def seeds() -> list[bytes]:
    """Inputs of every kind: a byte for the kind, one for the released file, and the content."""
    result = []
    for number, (whole, (document, weights)) in enumerate(zip(WHOLES, PARTS, strict=True)):
        for kind, content in enumerate((whole, document, weights)):
            result.append(bytes([kind, number]) + content)
    return result


def as_file(data: bytes) -> bytes:
    """Bytes of the file that an input stands for."""
    kind, number, content = data[0] % 3, data[1] % len(PARTS), data[2:]
    document, weights = PARTS[number]
    if kind == OF_DOCUMENT:
        return b"".join(pack(content[: LIMITS[DOCUMENT]], weights))
    if kind == OF_WEIGHTS:
        return b"".join(pack(document, content))
    return content


def change(data: bytes, largest: int, seed: int) -> bytes:
    """Mutate bytes, or, of a document, half of the time a value of the JSON."""
    if len(data) > 2 and data[0] % 3 == OF_DOCUMENT and seed % 2:
        try:
            document = json.loads(data[2:])
        except ValueError:
            return atheris.Mutate(data, largest)
        return (data[:2] + json.dumps(_with_odd_value(document, random.Random(seed))).encode())[
            :largest
        ]
    return atheris.Mutate(data, largest)


def _with_odd_value(value, rng: random.Random):
    """Replace, remove, double or swap one value at a random depth."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice((*ODD, rng.randrange(-3, 100), value, [value, value], {"tuple": [value]}))
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = rng.choice(keys)
    if rng.random() < 0.1:
        del value[key]
    elif rng.random() < 0.1:
        value[key] = value[rng.choice(list(keys))]
    else:
        value[key] = _with_odd_value(value[key], rng)
    return value


def target(data: bytes) -> None:
    """Read an input as a model file, in both ways."""
    if len(data) < 2:
        return
    PATH.write_bytes(as_file(data))
    for read in (inspect_model, load):
        with suppress(ModelFileError):
            read(PATH)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    words = {key.encode() for document, _ in PARTS for key in json.loads(document)}
    fuzz("model_files", target, seeds(), change, sorted(words))
