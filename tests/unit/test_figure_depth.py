"""The script that compares glasses: what stands in its figure, what it prints, what it refuses."""

import figure_depth
import numpy as np
import pytest
from glass_files import stored


@pytest.fixture
def glasses(tmp_path):
    """Two folders with a glass each."""
    folders = [tmp_path / name for name in ("a1", "a2")]
    for folder in folders:
        folder.mkdir()
        stored(folder)
    return folders


def test_strains_are_drawn_over_their_mean_and_numbers_have_errors(glasses, tmp_path, drawn, capsys):
    groups = {"slow": glasses, "deep": glasses[:1]}
    figure_depth.numbers(groups)
    figure_depth.draw(groups, tmp_path / "depth.png")
    *maps, right, _ = drawn["depth"].axes
    y = np.arange(6) / 6
    for panel in maps:
        np.testing.assert_allclose(panel.images[0].get_array()[:, 0], 1 + 0.5 * np.cos(2 * np.pi * y))
    assert len(maps) == 3
    assert [line.get_label() for line in right.lines if not line.get_label().startswith("_")] == [
        "slow",
        "deep",
    ]
    printed = capsys.readouterr().out
    assert "slow: 2 samples to γ = 0.50" in printed and "band_width: 32 ± 0" in printed
    assert "band_width: 32  (32)" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no pattern"], "expected LABEL=PATTERN"),
        (["a={}/a*", "a={}/a*"], "each label once"),
        (["a={}/none*"], "there is no folder"),
        (["a=x", "b=x", "c=x", "d=x", "e=x"], "at most 4 groups"),
    ],
)
def test_what_names_no_glasses_is_refused(tmp_path, glasses, monkeypatch, capsys, arguments, said):
    (tmp_path / "a3").write_text("no folder")
    words = [word.format(tmp_path) for word in arguments]
    monkeypatch.setattr("sys.argv", ["figure_depth.py", str(tmp_path / "depth.png"), *words])
    with pytest.raises(SystemExit):
        figure_depth.main()
    assert said in capsys.readouterr().err
