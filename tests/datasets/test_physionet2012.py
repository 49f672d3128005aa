from dataclasses import replace

import numpy as np
import pytest

from tsdisentangle.datasets import _physionet2012, fetch_physionet2012
from tsdisentangle.datasets._physionet2012 import OUTCOMES, RECORDS
from tsdisentangle.datasets._physionet_stays import (
    CHANNELS,
    CODE,
    MEASUREMENT_RULES,
    apply_rules,
    descriptor,
    parse,
)

N = 60


def record_text(id, hours=48, step=1):
    """One stay, each channel measured every ``step`` hours."""
    head = [
        "Time,Parameter,Value",
        f"00:00,RecordID,{id}",
        "00:00,Age,60",
        "00:00,Gender,1",
        "00:00,Height,1.8",
        f"00:00,ICUType,{id % 4 + 1}",
        "00:00,Weight,-1",
    ]
    rows = [
        f"{hour:02d}:10,{name},{36 + hour / 100}"
        for hour in range(0, hours, step)
        for name in CHANNELS
    ]
    return "\n".join([*head, *rows, f"{hours - 1:02d}:20,MechVent,1", ""]).encode()


def records(**changes):
    return {f"set-c/{id}.txt": record_text(id) for id in range(200000, 200000 + N)} | changes


def outcome_text(n=N):
    rows = [f"{id},-1,5,10,-1,{int(id % 8 < 4)}" for id in range(200000, 200000 + n)]
    return "\n".join([",".join(OUTCOMES), *rows, ""]).encode()


@pytest.fixture
def made_home(tmp_path, pack, monkeypatch):
    """Return a function that writes a set-c of 60 stays, with changes, and its folder."""
    monkeypatch.setattr(_physionet2012, "N_RECORDS", N)

    def make(members=None, outcomes=None):
        folder = tmp_path / "home" / "physionet2012"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "set-c.tar.gz").write_bytes(pack[".tar.gz"](members or records()))
        (folder / "Outcomes-c.txt").write_bytes(outcomes or outcome_text())
        return folder.parent

    return make


def fetch_c(home, **options):
    return fetch_physionet2012(subsets=("c",), data_home=home, download_if_missing=False, **options)


def test_made_set(made_home):
    icu = fetch_c(made_home())
    assert icu.data.shape == (N, 48, 10)
    np.testing.assert_allclose(icu.data[0, :, 3], 36 + np.arange(48) / 100, rtol=1e-6)
    assert icu.static_target["icu_type"].tolist() == [id % 4 for id in range(N)]
    assert set(icu.static_target["height"]) == {180}
    assert np.isnan(icu.static_target["weight"]).all()
    assert np.isnan(icu.static_target["saps_i"]).all()
    assert set(icu.static_target["sofa"]) == {5}
    assert icu.dynamic_target["mech_vent"][0].tolist() == [0] * 47 + [1]


def test_filters(made_home):
    descriptors_only = b"\n".join(record_text(200004).splitlines()[:7])
    icu = fetch_c(
        made_home(
            records(
                **{
                    "set-c/200000.txt": record_text(200000, hours=39),
                    "set-c/200001.txt": record_text(200001, hours=40),
                    "set-c/200002.txt": record_text(200002, step=3),  # 67 % missing
                    "set-c/200003.txt": record_text(200003, step=2),  # 50 % missing
                    "set-c/200004.txt": descriptors_only,
                }
            )
        )
    )
    assert set(range(200000, 200005)) - set(icu.groups) == {200000, 200002, 200004}
    short = icu.dynamic_target["mech_vent"][list(icu.groups).index(200001)]
    assert np.isnan(short[40:]).all()
    assert short[:40].tolist() == [0] * 39 + [1]


def test_exactly_60_percent_missing_is_kept(made_home):
    # 48 hours x 10 channels are 480 cells, and 192 of them are 40 %. Rows are in order of time,
    # so a late measurement of another parameter keeps the stay 48 hours long.
    lines = record_text(200000).decode().splitlines()
    for n_left, kept in [(192, True), (191, False)]:
        text = "\n".join([*lines[: 7 + n_left], "47:50,HR,80", ""]).encode()
        icu = fetch_c(made_home(records(**{"set-c/200000.txt": text})))
        assert (200000 in icu.groups) == kept


def test_unhashed_set_by_number(made_home):
    members = records()
    members.popitem()
    with pytest.raises(OSError, match="it holds 59 of the 60 expected members"):
        fetch_c(made_home(members))


def test_unhashed_set_by_form(made_home):
    broken = {"set-c/200000.txt": record_text(200000).replace(b"Temp", b"Mood")}
    with pytest.raises(OSError, match=r"set-c\.tar\.gz is not the file .*'Mood'"):
        fetch_c(made_home(records(**broken)))


@pytest.mark.parametrize("outcomes", [outcome_text(N - 1), outcome_text().replace(b"SOFA", b"X")])
def test_unhashed_outcomes_by_form(made_home, outcomes):
    with pytest.raises(OSError, match=r"Outcomes-c\.txt is not the file .*expected 60 of"):
        fetch_c(made_home(outcomes=outcomes))


def test_damaged_archive_is_no_cache_hit(made_home):
    home = made_home()
    fetch_c(home)
    archive = home / "physionet2012" / "set-c.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(OSError, match="Delete it and call again"):
        fetch_c(home)


def test_another_set_under_its_name_is_no_cache_hit(made_home):
    home = made_home()
    fetch_c(home)  # its events are in the derived cache now
    folder = home / "physionet2012"
    (folder / "set-a.tar.gz").write_bytes((folder / "set-c.tar.gz").read_bytes())
    (folder / "Outcomes-a.txt").write_bytes((folder / "Outcomes-c.txt").read_bytes())
    with pytest.raises(OSError, match=r"set-a\.tar\.gz is not the file"):
        fetch_physionet2012(subsets="a", data_home=home, download_if_missing=False)


def test_nothing_is_written_into_the_data_folder(made_home):
    home = made_home()
    before = sorted(home.rglob("*"))
    fetch_c(home)
    assert sorted(home.rglob("*")) == before


def test_download_of_an_unhashed_set(made_home, pack, server, monkeypatch, tmp_path):
    made_home()
    monkeypatch.setitem(_physionet2012.RECORDS, "c", replace(RECORDS["c"], url=server.url))
    server.answers = [(200, pack[".tar.gz"]({"set-c/1.txt": b"x"}))]
    with pytest.raises(OSError, match="Nothing was kept"):
        fetch_physionet2012(subsets="c", data_home=tmp_path / "new")
    assert not list((tmp_path / "new" / "physionet2012").iterdir())


@pytest.mark.parametrize("subsets", [(), ("a", "a"), ("d",), ("a", "d")])
def test_unknown_subsets(subsets, tmp_path):
    with pytest.raises(ValueError, match="subsets must be different ones of"):
        fetch_physionet2012(subsets=subsets, data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize("subsets", ["b", ("a", "b")])
def test_published_protocol_knows_set_a_only(subsets, tmp_path):
    with pytest.raises(ValueError, match=r"exists for subsets=\('a',\) only"):
        fetch_physionet2012(subsets=subsets, protocol="published", data_home=tmp_path)


def test_published_sizes(load_real):
    icu = load_real(fetch_physionet2012, protocol="published")
    assert icu.data.shape == (1858, 80, 10)
    assert [len(rows) for rows in icu.splits.values()] == [1189, 298, 371]
    assert icu.splits["test"].tolist() == list(range(371))
    assert icu.static_target["mortality"][icu.splits["test"]].sum() == 39
    assert (np.diff(icu.groups) > 0).all()
    assert np.isnan(icu.data[:, 47:]).all()


def test_published_mortality_of_training(load_real):
    """The measured rate of the released split: the shuffle is the released one."""
    icu = load_real(fetch_physionet2012, protocol="published")
    rate = icu.static_target["mortality"][icu.splits["train"]].mean()
    assert round(rate, 3) == 0.132


def test_corrected_sizes(load_real):
    icu = load_real(fetch_physionet2012)
    n = len(icu.data)
    assert icu.data.shape == (n, 48, 10)
    assert n == 3575
    shares = [len(rows) / n for rows in icu.splits.values()]
    np.testing.assert_allclose(shares, [0.64, 0.16, 0.2], atol=0.001)


def test_patients_are_on_one_side(load_real):
    for protocol in ("corrected", "published"):
        icu = load_real(fetch_physionet2012, protocol=protocol)
        assert len(np.unique(icu.groups)) == len(icu.groups)


def test_corrected_splits_are_stratified(load_real):
    icu = load_real(fetch_physionet2012)
    for target in ("icu_type", "mortality"):
        shares = [
            np.bincount(icu.static_target[target][rows]) / len(rows) for rows in icu.splits.values()
        ]
        np.testing.assert_allclose(shares, shares[:1] * 3, atol=0.005)


@pytest.mark.slow
def test_subsets_add_up(load_real):
    both, only_a = load_real(fetch_physionet2012), load_real(fetch_physionet2012, subsets="a")
    rows = np.isin(both.groups, only_a.groups)
    np.testing.assert_array_equal(both.data[rows], only_a.data)
    assert both.groups[~rows].min() > only_a.groups.max()
    reversed_order = load_real(fetch_physionet2012, subsets=("b", "a"))
    np.testing.assert_array_equal(reversed_order.groups, both.groups)
    np.testing.assert_array_equal(
        reversed_order.static_target["mortality"], both.static_target["mortality"]
    )


def raw_record(texts, id):
    return [line.split(",") for line in texts[f"{id}.txt"].decode().splitlines()[1:]]


@pytest.mark.parametrize("row", [0, 700, 1500])
@pytest.mark.parametrize("protocol", ["corrected", "published"])
def test_series_and_labels_against_the_text(load_real, real_data, physionet_texts, protocol, row):
    icu = load_real(fetch_physionet2012, protocol=protocol, subsets="a")
    id = icu.groups[row]
    lines = raw_record(physionet_texts("a"), id)
    at_start = {name: float(value) for time, name, value in lines if time == "00:00"}
    assert icu.static_target["icu_type"][row] == at_start["ICUType"] - 1
    assert icu.static_target["age"][row] == at_start["Age"]
    outcome = {
        line.split(",")[0]: line.split(",")
        for line in (real_data / "physionet2012/Outcomes-a.txt").read_text().splitlines()
    }[str(id)]
    assert icu.static_target["mortality"][row] == int(outcome[-1])
    assert icu.static_target["sofa"][row] == int(outcome[2])

    static = {"RecordID", "Age", "Gender", "Height", "ICUType", "Weight"}
    rows = [
        (60 * int(time[:2]) + int(time[3:]), name, float(value))
        for time, name, value in lines
        if not (time == "00:00" and name in static)
    ]
    first, last = min(rows)[0], max(rows)[0]
    if protocol == "corrected":
        bins = [(60 * h - 0.5, 60 * h + 59.5) for h in range(48)]
    else:
        bins = [(e + 0.5, e + 60.5) for e in range(first, last, 60)][:-1]
    for hour, (start, end) in enumerate(bins):
        for channel, name in enumerate(CHANNELS):
            raw = [v for minute, n, v in rows if n == name and start < minute < end]
            kept = apply_rules(np.array(raw), MEASUREMENT_RULES.get(name, ()))
            kept = kept[~np.isnan(kept)]
            expected = kept.mean() if len(kept) else np.nan
            np.testing.assert_allclose(icu.data[row, hour, channel], expected, rtol=1e-6)
    assert np.isnan(icu.data[row, len(bins) :]).all()


def test_descriptors_of_all_records(physionet_texts):
    """Every published record has each descriptor at 00:00."""
    for subset in "ab":
        members = physionet_texts(subset)
        events = parse(members)
        ids = np.array(sorted(int(name[:6]) for name in members))
        assert descriptor(events, "RecordID", ids).tolist() == ids.tolist()
        assert set(descriptor(events, "ICUType", ids)) == {1, 2, 3, 4}
        assert set(events.parameter) == set(CODE.values())
