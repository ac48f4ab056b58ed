"""Displacements and loads of an elastic sheet, as a finite-element program may give them: own_fields.npz.

Thirty random loads on 24 x 24 nodes, 5 mm apart, of a periodic sheet with E = 79.86 GPa and nu = 0.5357
(plane stress).  Needs numpy alone.
"""

import numpy as np

COUNT, SPACING = 24, 5.0  # nodes along each edge, mm
LAM, MU = 60.0, 26.0  # two-dimensional Lame constants in GPa

random = np.random.default_rng(1)
edge = COUNT * SPACING
axis = SPACING * np.arange(COUNT)
nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
u, b = np.zeros((2, 30, len(nodes), 2))
for sample in range(30):
    for _ in range(3):
        waves = random.integers(-4, 5, 2)
        if not waves.any():
            waves[0] = 1
        k = 2 * np.pi * waves / edge
        amplitude = 0.01 * random.normal(size=2)
        wave = np.cos(nodes @ k + random.uniform(0, 2 * np.pi))[:, None]
        u[sample] += wave * amplitude
        # b = -div sigma, the force per volume that holds this displacement, in GPa/mm
        b[sample] += wave * ((LAM + MU) * k * (k @ amplitude) + MU * (k @ k) * amplitude)
np.savez("own_fields.npz", nodes=nodes, u=u, b=b, box=[edge, edge])
