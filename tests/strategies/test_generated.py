"""Generated flow: equal words give equal bytes, sound books, and words that are not understood are told."""

from pathlib import Path

import numpy as np
import pytest

from meridian.strategies.backtest import generated
from meridian.strategies.backtest.data import look_through
from meridian.venues import flow as recorded

WORDS = "seed=5,seconds=8,symbols=2,venues=2,futures=1"


def test_equal_words_make_equal_bytes_and_sound_books(tmp_path: Path) -> None:
    made, errors = generated.flow(WORDS)
    assert made is not None and errors == []
    first = generated.files(made, tmp_path / "one")
    again = generated.files(made, tmp_path / "two")
    assert [venue for venue, _ in first] == ["first", "second"]
    assert [path.read_bytes() for _, path in first] == [path.read_bytes() for _, path in again]
    for _, path in first:
        (file,) = recorded.open_files([path]).files
        for book in file.replay():
            assert book["events"] > 1_000 and book["executed_lots"] > 2_000 and book["anomalies"] == {}
            assert book["bids"] and book["asks"] and not book["crossed"]
        assert sorted(about["name"] for about in file.symbols) == ["GENA", "GENAF", "GENB"]
        times = recorded.orders(file)["header"]["venue_time_ns"].astype(np.int64)
        assert (np.diff(times) >= 0).all() and times[-1] - times[0] > 7 * 10**9


def test_a_seed_is_a_flow_of_its_own(tmp_path: Path) -> None:
    flows = [generated.Flow(seed=seed, seconds=2) for seed in (1, 2)]
    one, two = (generated.files(each, tmp_path)[0][1].read_bytes() for each in flows)
    assert one != two


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("generated:seconds=0", "--data generated:seconds=0: a whole number from 1 to 3600 is allowed"),
        ("generated:colour=1", "--data generated:colour=1: seed, seconds, symbols, venues, futures, rate are allowed"),
        ("generated:seed=one", "--data generated:seed=one: a whole number from 0 to 4294967295 is allowed"),
        ("generated:futures=2", "at most a future of each symbol is allowed, futures=1"),
        ("generated:seconds=3600,rate=5000", "18,000,000 events; at most 5,000,000 are allowed"),
        ("here=generated:venues=2", "several venues have their own names; leave here= out"),
    ],
)
def test_words_that_are_not_understood_are_told(spec: str, sentence: str) -> None:
    market, errors = look_through([spec], None, {}, lambda *_: None)
    assert market is None and len(errors) == 1 and sentence in errors[0]


def test_a_folder_that_takes_no_file_is_a_sentence() -> None:
    market, errors = look_through(["generated:seconds=1"], None, {}, lambda *_: None, Path("/proc/absent"))
    assert market is None and len(errors) == 1 and "it cannot be kept: /proc/absent" in errors[0]
