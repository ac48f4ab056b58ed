"""The figure and the animation of waves: they are drawn, and hold what they are given."""

import numpy as np
from PIL import Image

from mdbridge.campaigns.peridynamics import wave_figures


def made():
    x = np.linspace(-100.0, 97.5, 80)
    wave = np.exp(-0.5 * (x / 20.0) ** 2) * np.cos(0.5 * x)
    names = ("md", "learned", "classical")
    packet = {name: {"speed_A_per_ps": 200.0 + n, "arrival_ps": 0.5} for n, name in enumerate(names)}
    profiles = {name: (wave * (1 + 0.1 * n)).tolist() for n, name in enumerate(names)}
    packet |= {"wavelength_A": 12.0, "profiles": profiles | {"x_A": x.tolist(), "time_ps": 0.5}}
    times = np.linspace(0.0, 0.3, 4)
    frames = {name: np.random.default_rng(n).standard_normal((4, 12, 10, 2)) for n, name in enumerate(names)}
    record = {
        "packets": {"transverse": packet, "longitudinal": packet},
        "pulse": {"times_ps": times.tolist()},
    }
    return record, frames, times


def test_differences_are_ten_times_what_a_model_is_off():
    _, frames, _ = made()
    np.testing.assert_array_equal(wave_figures._shown(frames, "md", 2), frames["md"][2, :, :, 0])
    off = frames["learned"][2, :, :, 0] - frames["md"][2, :, :, 0]
    np.testing.assert_allclose(wave_figures._shown(frames, "learned", 2), 10 * off)


def test_figure_and_animation_are_drawn(tmp_path):
    record, frames, times = made()
    wave_figures.draw(record, frames, np.array([30.0, 25.0]), tmp_path / "wave.png")
    wave_figures.animate(frames, times, np.array([30.0, 25.0]), tmp_path / "wave.gif")
    with Image.open(tmp_path / "wave.png") as image:
        assert np.asarray(image.convert("L")).std() > 10
    with Image.open(tmp_path / "wave.gif") as image:
        assert image.n_frames == len(times)
