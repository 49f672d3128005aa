"""Model files on disk: saved, loaded and inspected."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from tsdisentangle.persistence.archive import pack, read_document, read_weights
from tsdisentangle.persistence.class_table import ClassTable
from tsdisentangle.persistence.document import FORMAT_VERSION, Document
from tsdisentangle.persistence.estimator_state import from_document, to_document
from tsdisentangle.persistence.files import File, open_regular_file, refuse_text, write_whole
from tsdisentangle.persistence.values import read_object, read_value


def save_model(estimator: Any, path: File) -> None:
    """Write a fitted estimator into a model file; see :func:`load`.

    The file replaces another one only when it is complete: a crash, a full disk or Ctrl-C leaves
    what was there before.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Fitted.
    path : str, path or binary file
        A file that is there is replaced; ``~`` is the user's home. A file that is open gets the
        bytes at its position, piece by piece.

    Raises
    ------
    ModelFileError
        A parameter that the format cannot hold, or one that was changed after fit.
    OSError
        The file cannot be written, or there is no such folder.
    ValueError
        A file that is open in text mode.

    Warns
    -----
    UserWarning
        There are ``callbacks``, which are left out.
    """
    if not isinstance(path, str | PathLike):
        refuse_text(path)
    write_whole(path, pack(*to_document(estimator)))


def load(
    path: File,
    types: Iterable[type] = (),
    **params: Any,
) -> Any:
    """Read an estimator from a model file, without running any code from it.

    Parameters
    ----------
    path : str, path or binary file
        As written by ``estimator.save(path)``. A file that is open is read from its position on.
    types : iterable of type, default=()
        Your own encoder, decoder or method classes that the file may name. Their constructors and
        ``build`` methods are called with parameters from the file.
    **params
        Parameters that replace the file's, such as ``device='cpu'`` on a machine without the
        device of the one that saved it.

    Returns
    -------
    estimator
        With the same codes, samples and scores as before, bit for bit on the same machine and
        versions. ``partial_fit`` continues with a new optimiser, whose averages start from
        zero; see the documentation page "Model files".

    Raises
    ------
    ModelFileError
        Not a model file; damaged, cut off or edited; of a newer format; with a class that is not
        known or parts that do not belong together; or for a device that this machine does not
        have. Nothing is loaded.
    OSError
        The file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tsdisentangle import VAE, load, make_static_dynamic
    >>> X = make_static_dynamic(20, random_state=0).data
    >>> estimator = VAE(max_epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     estimator.save(Path(folder, "model.tsd"))
    ...     again = load(Path(folder, "model.tsd"))
    >>> bool((again.transform(X) == estimator.transform(X)).all())
    True
    """
    table = ClassTable(types)
    with open_regular_file(path) as file:
        content = read_document(file)
        document = Document.from_json(content)
        weights = read_weights(file, content)
    return from_document(document, weights, table, params)


@dataclass(frozen=True)
class ModelInfo:
    """Description of the estimator in a model file.

    Attributes
    ----------
    class_name : str
    parameters : dict
        Parameter objects are given as text.
    encoder : str
        The parameter object that was fitted.
    kind : str
        Of the training panel: ``'2d'``, ``'3d'``, ``'list'``, ``'panel'`` or ``'clips'``.
    n_series, n_channels, n_features, window : int
        As the estimator's attributes.
    feature_names : list of str, or None
    epochs : int
    history : list of dict
        Losses and terms, one entry per epoch.
    versions : dict
        Of Python and the packages that wrote the file.
    format_version : int
    """

    class_name: str
    parameters: dict[str, Any]
    encoder: str
    kind: str
    n_series: int
    n_channels: int
    n_features: int
    window: int
    feature_names: list[str] | None
    epochs: int
    history: list[dict[str, Any]] = field(repr=False)
    versions: dict[str, str]
    format_version: int


def inspect_model(path: File) -> ModelInfo:
    """Describe a model file without loading it: no weights are read and no class is made.

    Parameters
    ----------
    path : str, path or binary file
        As in :func:`load`.

    Returns
    -------
    ModelInfo

    Raises
    ------
    ModelFileError
        Not a model file; damaged in the part that is read; or of a newer format.
    OSError
        The file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tsdisentangle import VAE, TabularEncoder, inspect_model, make_static_dynamic
    >>> estimator = VAE(TabularEncoder(hidden=8), max_epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     estimator.fit(make_static_dynamic(20).data).save(Path(folder, "model.tsd"))
    ...     info = inspect_model(Path(folder, "model.tsd"))
    >>> info.class_name, info.encoder, info.n_channels, info.epochs
    ('VAE', "TabularEncoder(hidden=8, kind='window', out_features=64)", 6, 1)
    """
    with open_regular_file(path) as file:
        document = Document.from_json(read_document(file))

    def values(items: dict[str, Any]) -> dict[str, Any]:
        return {name: read_value(value, name, _as_text) for name, value in items.items()}

    return ModelInfo(
        class_name=document.class_name,
        parameters=values(document.parameters),
        encoder=read_object(document.encoder, "encoder", _as_text),
        kind=document.kind,
        n_series=document.n_series,
        n_channels=document.n_channels,
        n_features=document.n_features,
        window=document.window,
        feature_names=document.feature_names,
        epochs=len(document.history),
        history=[values(row) for row in document.history],
        versions=document.versions,
        format_version=FORMAT_VERSION,
    )


def _as_text(name: str, parameters: dict[str, Any]) -> str:
    inner = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"{name}({inner})"
