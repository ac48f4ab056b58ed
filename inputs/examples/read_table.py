"""Apply an exported peridynamic model with numpy alone: python read_table.py model_table.txt

Knows nothing of mdbridge: reads the text of 'mdbridge export model.json --to table'.
"""

import sys
from pathlib import Path

import numpy as np


def read(path):
    """Constants by name, and the table of bonds: i, j, x, y, dilatation, deviatoric."""
    constants, bonds, block = {}, [], None
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            name, equals, value = line[1:].partition(" = ")
            block = line[1:].strip().partition(":")[0] if not equals else block
            if equals and " " not in name.strip():
                constants[name.strip()] = value.strip()
        elif block == "bonds":
            bonds.append([float(word) for word in line.split()])
    return constants, np.array(bonds)


def apply(constants, bonds, u):
    """L u of displacements (nx, ny, 2) on a periodic grid; the same shape."""
    lam, mu = float(constants["lambda"]), float(constants["mu"])
    steps = [(-int(i), -int(j)) for i, j in bonds[:, :2]]  # np.roll brings (i, j) away here
    table = list(zip(steps, bonds[:, 2:4], bonds[:, 4], bonds[:, 5], strict=True))
    theta = sum(2 * a * (np.roll(u, step, (0, 1)) - u) @ z for step, z, a, _ in table)
    image = np.zeros_like(u)
    for step, z, a, c in table:
        pull = -2 * a * (theta + np.roll(theta, step, (0, 1)))
        stretch = (np.roll(u, step, (0, 1)) - u) @ z / (z @ z)
        image += ((lam - mu) * pull - 16 * mu * c * stretch)[..., None] * z
    return image


if __name__ == "__main__":
    constants, bonds = read(sys.argv[1])
    x = np.arange(64) * float(constants["spacing_x"])
    k = 2 * np.pi / (64 * float(constants["spacing_x"]))
    wave = np.zeros((64, 24, 2))
    wave[..., 0] = np.sin(k * x)[:, None]  # a long pressure wave: L u = C11 k² u
    modulus = np.abs(apply(constants, bonds, wave)).max() / k**2
    sys.stdout.write(f"C11 of a wave of 64 nodes: {modulus:.6g}; of the longest waves: {constants['C11']}\n")
