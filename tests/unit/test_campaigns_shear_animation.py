"""The animation of a run: every kept frame, on colours that hold all of them."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from shear_runs import case, result

from mdbridge.campaigns.shear import animation, results
from mdbridge.core.errors import FileError


def test_every_kept_frame_is_a_picture_and_they_differ(tmp_path, monkeypatch):
    limits = []
    drawn = animation.image
    monkeypatch.setattr(animation, "image", lambda *a: (limits.append((a[2], a[4])), drawn(*a))[1])
    results.write(tmp_path / "run.h5", case(), result(), complete=True)
    animation.animate(tmp_path / "run.h5", tmp_path / "run.gif")
    with Image.open(tmp_path / "run.gif") as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 3)
        assert gif.info["duration"] == 80  # 12 a second, in whole hundredths
        pictures = []
        for k in range(3):
            gif.seek(k)
            pictures.append(np.asarray(gif.convert("L"), dtype=float))
    assert all(np.abs(earlier - later).mean() > 1 for earlier, later in pairwise(pictures))
    chi, exy = 20000.0 * result().chi, result().exy
    assert dict(limits) == {
        "chi": pytest.approx((chi.min(), chi.max())),
        "Exy": pytest.approx((exy.min(), exy.max())),
    }


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(FileError, match=r"run\.h5"):
        animation.animate(tmp_path / "run.h5", tmp_path / "run.gif")
    assert not list(tmp_path.iterdir())
