"""Fields of gathered atoms, written out in numpy; nothing of what the observers use is in here.

Run as a script under mpiexec it compares all fields with it, in boxes that shear, stretch and breathe.
"""

import itertools

import numpy as np

PROFILES = {
    "cone": lambda s: np.maximum(0.0, 1.0 - s),
    "paraboloid": lambda s: np.maximum(0.0, 1.0 - s * s),
    "gaussian": lambda s: np.where(s < 1.0, np.exp(-0.5 * (3.0 * s) ** 2), 0.0),
    "top-hat": lambda s: (s < 1.0) * 1.0,
    "quartic": lambda s: np.maximum(0.0, 1.0 - s * s) ** 2,
}
PAIRS = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
ALL = [
    "displacement", "affine_displacement", "velocity", "density", "number_density", "composition",
    "temperature", "potential_energy", "stress", "deformation_gradient", "strain", "D2min",
]  # fmt: skip


def integral(shape, dimension, radius):
    """∫ τ by quadrature."""
    r = (np.arange(200_000) + 0.5) / 200_000
    measure = {1: 2.0 * np.ones_like(r), 2: 2 * np.pi * r, 3: 4 * np.pi * r * r}[dimension]
    return radius**dimension * np.mean(measure * PROFILES[shape](r))


def gathered(comm, atoms, columns):
    """All atoms in the order of their IDs, on all ranks: name → array."""
    mine = {"id": np.array(atoms.ids), "x": np.array(atoms.x), "xu": np.array(atoms.unwrapped())}
    mine |= {"v": np.array(atoms.v), "mass": np.array(atoms.masses()), "type": np.array(atoms.types)}
    for name, sources in columns.items():
        mine[name] = np.stack([atoms.values(s) for s in sources], axis=1)
    parts = comm.allgather(mine)
    order = np.argsort(np.concatenate([part["id"] for part in parts]))
    return {name: np.concatenate([p[name] for p in parts])[order] for name in mine}


class Reference:
    """The fields of one moment.

    Args:
        grid: (axes, cells, region).
        kernel: (shape, radius).
        box: (edges, corner) of the box now, followed through flips; an edge a row.
        box0: the same of the reference box.
        now, first: gathered atoms; their rows belong together.
        periodic, dimension: of the box.
        rate: velocities of the images beyond each edge relative to their atoms'.
    """

    def __init__(self, grid, kernel, box, box0, now, first, periodic=(1, 1, 1), dimension=3, rate=None):
        (self.axes, self.cells, self.region), (self.shape, self.radius) = grid, kernel
        self.rate = np.zeros((3, 3)) if rate is None else rate
        (self.edges, self.corner), (self.edges0, self.corner0) = box, box0
        self.now, self.first, self.periodic, self.dimension = now, first, periodic, dimension
        self.directions = ["xyz".index(a) for a in self.axes]
        self.averaged = [a for a in range(3) if a not in self.directions]

    def nodes(self, edges, corner):
        steps = [(np.arange(n) + 0.5) / n for n in self.cells]
        if self.region is None:
            sides = [edges[a] for a in self.directions]
        else:
            sides = [
                (high - low) * np.eye(3)[a]
                for a, (low, high) in zip(self.directions, self.region, strict=True)
            ]
            corner = sum(low * np.eye(3)[a] for a, (low, _) in zip(self.directions, self.region, strict=True))
        return np.array([corner + np.array(f[::-1]) @ sides for f in itertools.product(*steps[::-1])])

    def basis(self, edges):
        """Directions across what is averaged over."""
        if not self.averaged:
            return np.eye(3)
        _, _, basis = np.linalg.svd(edges[self.averaged])
        return basis[len(self.averaged) :]

    def tau(self, x, edges, corner, longest=0.0):
        """Translations, τ ``(nodes, atoms)`` and vectors to the nodes, for all images that matter."""
        basis, nodes = self.basis(edges), self.nodes(edges, corner)
        reach = (self.radius + longest) * np.linalg.norm(np.linalg.inv(edges), axis=0)
        ranges = []
        s = (x - corner) @ np.linalg.inv(edges)
        at = (nodes - corner) @ np.linalg.inv(edges)
        for a in range(3):
            if self.periodic[a] and a in self.directions:
                low = int(np.floor((at[:, a].min() - reach[a] - s[:, a]).min())) - 1
                high = int(np.ceil((at[:, a].max() + reach[a] - s[:, a]).max())) + 1
                ranges.append(range(low, high + 1))
            else:
                ranges.append([0])
        for shift in itertools.product(*ranges):
            away = (nodes[:, None] - x - np.array(shift) @ edges) @ basis.T
            yield np.array(shift), PROFILES[self.shape](np.linalg.norm(away, axis=-1) / self.radius), away

    def depth(self, edges):
        volume = np.prod(np.diag(edges)[: self.dimension])
        resolved = edges[self.directions] @ self.basis(edges).T
        return volume / abs(np.linalg.det(resolved))

    def bare(self, edges, corner):
        edges, corner = edges.copy(), corner.copy()
        for a in range(3):
            if not self.periodic[a]:
                edges[a], corner[a] = np.eye(3)[a], 0.0
        return edges, corner

    def fields(self, mvv2e, boltz):
        n, d = self.now, len(self.axes)
        W = sum(t for _, t, _ in self.tau(n["x"], self.edges, self.corner))
        Q = sum(t * t for _, t, _ in self.tau(n["x"], self.edges, self.corner))
        volume = integral(self.shape, d, self.radius) * self.depth(self.edges)
        m, v = n["mass"], n["v"]
        rho, number = W @ m, W.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            images = [(t, v + shift @ self.rate) for shift, t, _ in self.tau(n["x"], self.edges, self.corner)]
            mean = sum(t @ (m[:, None] * moving) for t, moving in images) / rho[:, None]
            heat = sum(
                np.array(
                    [
                        t[k] @ (m * ((moving - mean[k]) ** 2)[:, : self.dimension].sum(axis=1))
                        for k in range(len(W))
                    ]
                )
                for t, moving in images
            )
            free = number - (Q @ m) / rho
            fields = {
                "density": rho / volume,
                "number_density": number / volume,
                "velocity": mean,
                "temperature": mvv2e * heat / (self.dimension * boltz * free),
                "composition": (W @ (n["type"][:, None] == np.unique(self.first["type"]))) / number[:, None],
                "potential_energy": (W @ n["pe"][:, 0]) / number,
            }
        cell = self.depth(self.edges) * abs(np.linalg.det(self.extent())) / np.prod(self.cells)
        fields["stress"] = (W / (W.sum(axis=0) * cell)) @ n["stress"] if self.region is None else None
        return fields | self.carried() | self.fitted()

    def thermal(self, weights):
        """Σ w m (v − v̄) ⊗ (v − v̄) and Σ w over images, for weights as a function of τ; ``(nodes, 6)``."""
        n = self.now
        m, v = n["mass"], n["v"]
        images = [
            (weights(t), v + shift @ self.rate) for shift, t, _ in self.tau(n["x"], self.edges, self.corner)
        ]
        rho = sum(w @ m for w, _ in images)
        mean = sum(w @ (m[:, None] * moving) for w, moving in images) / rho[:, None]
        result = np.zeros((len(rho), 6))
        for w, moving in images:
            for k in range(len(rho)):
                beyond = moving - mean[k]
                for c, (i, j) in enumerate(PAIRS):
                    result[k, c] += (w[k] * m) @ (beyond[:, i] * beyond[:, j])
        return result

    def virial_about_mean(self, virial, mvv2e, nktv2p):
        """The stress of the virial with the motion about the local mean velocity."""
        total = sum(t for _, t, _ in self.tau(self.now["x"], self.edges, self.corner)).sum(axis=0)
        cell = self.depth(self.edges) * abs(np.linalg.det(self.extent())) / np.prod(self.cells)
        W = sum(t for _, t, _ in self.tau(self.now["x"], self.edges, self.corner))
        return (W / (total * cell)) @ virial - mvv2e * nktv2p * self.thermal(lambda t: t / (total * cell))

    def hardy(self, epsilon, sigma, cutoff, mvv2e, nktv2p):
        """Hardy's stress of a cut Lennard-Jones potential, from the positions alone."""
        x, edges = self.now["x"], self.edges
        volume = integral(self.shape, len(self.axes), self.radius) * self.depth(edges)
        first, bond, force = self.pairs(epsilon, sigma, cutoff)
        values = np.stack([-bond[:, i] * force[:, j] for i, j in PAIRS], axis=1)  # bond goes from i to j
        basis, result = self.basis(edges), 0.0
        c = bond @ basis.T
        # within the window these functions are polynomials of the place along the bond
        points, weights = np.polynomial.legendre.leggauss(6)
        for _, _, away in self.tau(x[first], edges, self.corner, longest=cutoff):
            square, product = (away**2).sum(axis=-1), (away * c).sum(axis=-1)
            length = np.maximum((c * c).sum(axis=-1), 1e-20)  # bonds along what is averaged are points
            nearest = product / length
            half = np.sqrt(np.maximum(0.0, self.radius**2 - square + nearest * product) / length)
            low, high = np.clip(nearest - half, 0, 1), np.clip(nearest + half, 0, 1)
            part = 0.0
            for point, weight in zip(points, weights, strict=True):
                s = low + 0.5 * (point + 1) * (high - low)
                distance = np.sqrt(np.maximum(0.0, square - 2 * s * product + s * s * length))
                part = part + 0.5 * weight * (high - low) * PROFILES[self.shape](distance / self.radius)
            result = result - part @ values
        return nktv2p * (result - mvv2e * self.thermal(lambda t: t)) / volume

    def pairs(self, epsilon, sigma, cutoff):
        """First atoms, vectors to the second, and forces on the first, each pair once."""
        x, bonds = self.now["x"], []
        ranges = [range(-2, 3) if p and a < self.dimension else [0] for a, p in enumerate(self.periodic)]
        for shift in itertools.product(*ranges):
            r = x[None] + np.array(shift) @ self.edges - x[:, None]
            distance = np.linalg.norm(r, axis=-1)
            i, j = np.nonzero((distance < cutoff) & (distance > 0))
            keep = (i < j) | ((i == j) & (shift > (0, 0, 0)))
            if shift != (0, 0, 0):  # a pair across a boundary is met from both of its sides
                keep = shift > (0, 0, 0)
                keep = np.full(len(i), keep)
            bonds.append((i[keep], r[i, j][keep]))
        first, bond = (np.concatenate(part) for part in zip(*bonds, strict=True))
        square = (bond**2).sum(axis=1)
        s6 = (sigma**2 / square) ** 3
        pull = -24.0 * epsilon * (2.0 * s6 * s6 - s6) / square
        return first, bond, pull[:, None] * bond

    def extent(self):
        if self.region is not None:
            return np.diag([high - low for low, high in self.region])
        return self.edges[self.directions] @ self.basis(self.edges).T

    def carried(self):
        edges, corner = self.bare(self.edges, self.corner)
        edges0, corner0 = self.bare(self.edges0, self.corner0)
        X, m = self.first["xu"], self.now["mass"]
        affine = (X - corner0) @ np.linalg.inv(edges0) @ edges + corner - X
        u = self.now["xu"] - X
        top, below, mass = 0.0, 0.0, 0.0
        for shift, t, _ in self.tau(X, self.edges0, self.corner0):
            beyond = shift @ (edges - edges0)
            top = top + t @ (m[:, None] * (u + beyond))
            below = below + t @ (m[:, None] * (affine + beyond))
            mass = mass + t @ m
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"displacement": top / mass[:, None], "affine_displacement": below / mass[:, None]}

    def fitted(self):
        edges, corner = self.bare(self.edges, self.corner)
        edges0, corner0 = self.bare(self.edges0, self.corner0)
        now = (self.now["xu"] - corner) @ np.linalg.inv(edges)
        then = (self.first["xu"] - corner0) @ np.linalg.inv(edges0)
        u = (now - then) @ edges0
        chosen = sorted({*self.directions, *(a for a in range(3) if not self.periodic[a])})
        T = edges.T @ np.linalg.inv(edges0.T)
        x = self.now["x"]
        gradients, left = [], []
        parts = list(self.tau(x, self.edges, self.corner))
        nodes = self.nodes(self.edges, self.corner)
        for k in range(len(nodes)):
            rows, target, weight = [], [], []
            for shift, t, _ in parts:
                seen = t[k] > 0
                place = ((x + shift @ self.edges - corner) @ np.linalg.inv(edges))[seen]
                rows.append(place[:, chosen])
                target.append(u[seen])
                weight.append(t[k][seen])
            rows, target, weight = map(np.concatenate, (rows, target, weight))
            if len(np.unique(rows.round(9), axis=0)) <= len(chosen):
                gradients.append(np.full((3, 3), np.nan)), left.append(np.nan)
                continue
            root = np.sqrt(weight)[:, None]
            middle = (weight @ rows) / weight.sum()
            size = np.abs(rows - middle).max(axis=0)
            design = np.hstack([np.ones((len(rows), 1)), (rows - middle) / size])
            fit, *_ = np.linalg.lstsq(root * design, root * target, rcond=None)
            slope = np.zeros((3, 3))
            slope[:, chosen] = fit[1:].T / size
            gradients.append(T @ np.linalg.inv(np.eye(3) - slope @ np.linalg.inv(edges0.T)))
            left.append(((root * (target - design @ fit)) ** 2).sum() / weight.sum())
        F = np.array(gradients)
        E = 0.5 * (np.swapaxes(F, 1, 2) @ F - np.eye(3))
        return {
            "deformation_gradient": F.reshape(-1, 9),
            "strain": np.stack([E[:, i, j] for i, j in PAIRS], axis=1),
            "D2min": np.array(left),
        }
