"""Public names and parameters do not go or change unseen: see docs/trust.md, "Deprecation"."""

from api_surface import SURFACE, lines

RENEW = "write the list anew with `python tests/api_surface.py`, and say so in CHANGELOG.md"


def test_nothing_public_goes_or_changes():
    gone = sorted(set(SURFACE.read_text().splitlines()) - set(lines()))
    assert not gone, (
        f"Public names or parameters are gone or have changed: {gone}. Users rely on them: keep "
        f"them for as long as docs/trust.md promises; if that time is over, {RENEW}."
    )


def test_what_is_new_is_written_down():
    new = sorted(set(lines()) - set(SURFACE.read_text().splitlines()))
    assert not new, f"New public names or parameters: {new}. If they are wanted, {RENEW}."


def test_the_list_sees_parameters_and_methods():
    """A list that does not hold what matters would pass for ever."""
    text = SURFACE.read_text()
    for expected in (
        "tsdisentangle.VAE(encoder=None, decoder=None, ",
        "tsdisentangle.VAE.transform(self, X, *, out=None)",
        "tsdisentangle.load(path, types=(), **params)",
        "tsdisentangle.metrics.DCI(disentanglement, completeness, by_factor)",
        "tsdisentangle.interop.sktime.DisentanglingTransformer(",
        "tsdisentangle.datasets.fetch_etth1(*, data_home=None, ",
    ):
        assert f"\n{expected}" in text
