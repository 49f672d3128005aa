"""The JSON member of a model file: everything but the arrays."""

import json
from dataclasses import dataclass
from typing import Any

from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.values import parse_json

FORMAT = "tsdisentangle model"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Document:
    """A fitted estimator without its arrays, as JSON holds it.

    Attributes
    ----------
    class_name : str
    parameters : dict
        The constructor's, as ``ValueWriter`` wrote them.
    encoder : dict
        The parameter object that was fitted; later changes to the parameter do not reach it.
    kind : str
        Of the training panel, as in ``kind_in_``.
    n_channels, n_features, n_series, window : int
    feature_names : list of str, or None
    scaler : dict
        Its class; of clips their format.
    network : dict
        Numbers of the network that are neither weights nor parameters: the position of a random
        anchor, and the weights of the loss.
    generator : dict, or None
        Position of the random generator; None for numpy's global one.
    history : list of dict
    versions : dict
        Of the packages that wrote the file.
    interrupted : bool
        Whether Ctrl-C has ended the fit; in the file only if it has.
    """

    class_name: str
    parameters: dict[str, Any]
    encoder: dict[str, Any]
    kind: str
    n_channels: int
    n_features: int
    n_series: int
    window: int
    feature_names: list[str] | None
    scaler: dict[str, Any]
    network: dict[str, Any]
    generator: dict[str, Any] | None
    history: list[dict[str, Any]]
    versions: dict[str, str]
    interrupted: bool = False

    def to_json(self) -> bytes:
        """Return the bytes of the member."""
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **vars(self)}
        if not self.interrupted:
            del content["interrupted"]
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_json(cls, content: bytes) -> "Document":
        """Parse and check the member.

        Raises
        ------
        ModelFileError
        """
        fields = parse_json(content)
        _check_version(fields)
        values = {name: get_field(fields, name, *types) for name, types in FIELD_TYPES.items()}
        if "interrupted" in fields:
            values["interrupted"] = get_field(fields, "interrupted", bool)
        known = {"format", "format_version", "interrupted", *FIELD_TYPES}
        refuse_unknown_fields(fields, known, "model.json")
        for name in ("n_channels", "n_features", "n_series", "window"):
            if values[name] < 1:
                raise ModelFileError(f"{name} is {values[name]}; expected at least 1.")
        names = values["feature_names"]
        if names is not None and not (_all(names, str) and len(names) == values["n_features"]):
            raise ModelFileError("feature_names is not a list of n_features names.")
        if not _all(values["versions"].values(), str):
            raise ModelFileError("versions holds something else than text.")
        if not _all(values["history"], dict):
            raise ModelFileError("history is not a list of objects.")
        return cls(**values)


FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "class_name": (str,),
    "parameters": (dict,),
    "encoder": (dict,),
    "kind": (str,),
    "n_channels": (int,),
    "n_features": (int,),
    "n_series": (int,),
    "window": (int,),
    "feature_names": (list, type(None)),
    "scaler": (dict,),
    "network": (dict,),
    "generator": (dict, type(None)),
    "history": (list,),
    "versions": (dict,),
}


def get_field(fields: dict[str, Any], name: str, *types: type) -> Any:
    """Return a field of an object, if it is of a given type; True is no number.

    Parameters
    ----------
    fields : dict
    name : str
    *types : type
        Those that are allowed.

    Raises
    ------
    ModelFileError
        It is missing, or of another type.
    """
    if name not in fields:
        raise ModelFileError(f"{name} is missing in model.json.")
    value = fields[name]
    if type(value) not in types:
        expected = " or ".join(each.__name__ for each in types)
        raise ModelFileError(f"{name} is {str(value)[:80]}; expected {expected}.")
    return value


def refuse_unknown_fields(fields: dict[str, Any], known: set[str], where: str) -> None:
    """Refuse fields that this version of the format does not have.

    Parameters
    ----------
    fields : dict
    known : set of str
    where : str
        Name of the object, for the message.

    Raises
    ------
    ModelFileError
    """
    if others := sorted(set(fields) - known):
        raise ModelFileError(f"{where} holds {others[0][:80]!r}, which this format does not have.")


def _check_version(fields: Any) -> None:
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ModelFileError("model.json does not describe a model of tsdisentangle.")
    written = get_field(fields, "format_version", int)
    if written > FORMAT_VERSION:
        by = fields.get("versions")
        by = by.get("tsdisentangle") if isinstance(by, dict) else None
        raise ModelFileError(
            f"The file has format version {written}, written by tsdisentangle {by}; this one reads "
            f"up to {FORMAT_VERSION}. Upgrade tsdisentangle."
        )
    if written < 1:
        raise ModelFileError(f"The file has format version {written}; there is none below 1.")


def _all(values: Any, kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)
