"""Displacements and loads of classical isotropic solids, as a stranger would have them."""

import numpy as np

LAM, MU = 0.2, 0.5


def grid(shape, spacing, origin=(0.0, 0.0)):
    """Nodes ``n x 2``, x slowest."""
    axes = [o + h * np.arange(n) for n, h, o in zip(shape, spacing, origin, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def waves(points, box, samples=12, seed=0, lam=LAM, mu=MU, highest=3, kind="both"):
    """Sums of three random waves on any points, u and b = −div σ ``(s, n, 2)``, exactly."""
    random = np.random.default_rng(seed)
    u, b = np.zeros((2, samples, len(points), 2))
    for sample in range(samples):
        for _ in range(3):
            numbers = np.zeros(2)
            while not numbers.any():
                numbers = random.integers(-highest, highest + 1, 2)
            k = 2 * np.pi * numbers / np.asarray(box)
            a = random.standard_normal(2) / (k @ k)
            direction = k / np.sqrt(k @ k)
            if kind == "transverse":
                a = a - a @ direction * direction
            elif kind == "longitudinal":
                a = a @ direction * direction
            wave = np.cos(points @ k + random.uniform(0, 2 * np.pi))[:, None]
            u[sample] += wave * a
            b[sample] += wave * ((lam + mu) * k * (k @ a) + mu * (k @ k) * a)
    return u, b


def periodic(shape=(16, 16), spacing=(5.0, 5.0), **keys):
    """Arrays of a file on a periodic grid."""
    box = np.array(shape) * spacing
    nodes = grid(shape, spacing)
    u, b = waves(nodes, box, **keys)
    return {"nodes": nodes, "u": u, "b": b, "box": box}


def write(folder, arrays, learn="", data="", name="own.npz"):
    """A data file and a short input beside it; the input's path."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / name, **arrays)
    path = folder / "in.toml"
    path.write_text(
        f'campaign = "peridynamics"\n[data]\nfile = "{name}"\n{data}\n[learn]\n'
        f"starts = 2\nfolds = 2\n{learn}\n",
        encoding="utf-8",
    )
    return path
