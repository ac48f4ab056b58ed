"""Frames and a glass.h5 as the observers make them, without MD."""

import numpy as np

from mdbridge.campaigns.glass import results, sampling
from mdbridge.campaigns.glass.formats import CHAIN
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core import config, store
from mdbridge.fields.box import Box
from mdbridge.fields.storage import PLANE, put_plane

KEY = "key"
TEXT = """
campaign = "glass"
[md]
cells = [6, 6, 3]
liquid_K = 1000.0
temperature_K = 100.0
quench_rate_K_per_s = 1e14
[shear]
rate_per_ps = 0.01
max_strain = 0.5
[observe]
grid = [8, 6]
frames = 20
[checkpoint]
every_steps = 700
every_frames = 8
"""


def settings(folder):
    """The input, read."""
    (folder / "in.toml").write_text(TEXT)
    return config.load(folder / "in.toml", GlassInput)


def frames(given, count, frozen=0.0):
    """Frames as the observers make them: a band, and energies that follow the composition and the strain."""
    y, x = np.meshgrid(np.arange(6) / 6, np.arange(8) / 8, indexing="ij")
    copper = 0.5 + 0.1 * np.sin(2 * np.pi * x)
    for number in range(count):
        gamma = 0.025 * number
        disorder = 0.004 * np.cos(2 * np.pi * y) + 0.02 * gamma
        composition = np.stack([copper, 1 - copper])
        rows = np.zeros((10 if number else 1, 11))
        rows[:, 1] = gamma - 0.0025 * np.arange(len(rows))[::-1]
        rows[:, 8] = -1e4 * (frozen + np.minimum(25 * rows[:, 1], 1.5))  # bar
        yield {
            "step": given.hold_steps + number * given.frame_steps,
            "gamma": gamma,
            "edges": np.array([[40.0, gamma * 36.0], [0.0, 36.0]]),
            "potential_energy": -5.0 + 2.0 * (copper - 0.5) + disorder,
            "Exy": gamma / 2 * (1 + 0.5 * np.cos(2 * np.pi * y)),
            "D2min": 0.1 * gamma + 0 * x,
            "velocity": np.zeros((6, 8, 2)),
            "density": np.full((6, 8), 4.4),
            "temperature": np.full((6, 8), 100.0),
            "composition": composition,
            "type_energy": np.array([-4.0, -6.0]),
            "type_fraction": np.array([0.5, 0.5]),
            "curve": rows,
        }


def history():
    """Thermodynamics of a quench, every 100 steps."""
    rows = np.zeros((5, 11))
    rows[:, 0] = 100 * np.arange(5)
    rows[:, 2], rows[:, 3] = np.linspace(1000.0, 100.0, 5), np.linspace(-1000.0, -1100.0, 5)
    rows[:, 4], rows[:, 5:] = 28800.0, 1e4 * np.arange(1, 7)
    return [("quench", rows)]


def stored(folder, count=21, at_rest=None, frozen=0.0, **changes):
    """glass.h5 of ``count`` frames, fields and ``frozen`` GPa at rest; ``changes`` are of ``[observe]``."""
    given = settings(folder)
    given = given.model_copy(update={"observe": given.observe.model_copy(update=changes)})
    job = sampling.Job(None, given, folder)
    for frame in frames(given, count, frozen):
        extra = {name: frame["density"] for name in given.observe.extra}
        sampling._write_frame(job, given.hold_steps, frame | extra)
    stored_frames = sampling.frames([folder])
    assert len(stored_frames) == min(count, 21)
    chain = sampling.Chain(reference=Box(np.diag([40.0, 36.0, 20.0]), np.zeros(3)), natoms=216)
    moduli = {"mu_GPa": 25.0, "mu_error_GPa": 0.5, "bulk_GPa": 120.0, "bulk_error_GPa": 1.0}
    path = folder / "glass.h5"
    results.collect(path, given, stored_frames, KEY, chain, history(), moduli, {"shear": 12.5}, at_rest)
    return path


def chain(path, rest, md, model, strains=(0.1, 0.4)):
    """chain.h5 of a sample calibrated from its local yield: at rest ``(ny, nx)``, strains ``(k, ny, nx)``."""
    with store.writing(path, CHAIN, KEY) as file:
        file.dimension("strain", list(strains), "1", "net strain of the fields")
        put_plane(file, (60.0, 25.0), rest.shape, "angstrom")
        file.attributes(box_A=[60.0, 25.0], predictor="local_yield")
        for source, strain in (("md", md), ("model", model)):
            group = file.group(source)
            group.put("Exy", strain, ("strain", *PLANE["corner"]), "1", "strain")
            if source == "md":
                group.put("energy_at_rest", rest, PLANE["cell"], "eV", "energy")
