"""The script that draws the published sample, where its data are."""

from pathlib import Path

import figure_bands
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "cuzr_md"


@pytest.mark.skipif(not DATA.exists(), reason="the published data are not here")
def test_energies_of_the_published_sample_do_not_say_where_it_shears(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["figure_bands.py", str(DATA), str(tmp_path / "bands.png")])
    figure_bands.main()
    printed = capsys.readouterr().out
    assert "r = 0.51, p = 0.22" in printed and "0.25, p = 0.25" in printed
    assert (tmp_path / "bands.png").stat().st_size > 10_000
