"""``mdbridge shear``: one forward run of the STZ model, from a TOML file to figures."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import config, demand, files, parallel, plots, stages
from ...core.config import given
from ...core.console import console, progress
from ...core.demand import Demand
from ...core.errors import FlowError, InputError
from ...core.identity import Identity, contents
from ...core.stages import Piece, Product
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from ...stz import initial
from ...stz.energies import read_energy
from ...stz.equilibrium.projection import FourierProjection, Projection
from ...stz.forwardrun import Case, Result, forward
from ...stz.ratelaw import Material, cell_name, effective_temperature
from ...stz.staggered import Domain, Grid, WholeGrid
from .. import demands
from . import figures, paraview
from . import results as shear_store
from .input import Formula, InitialInput, ShearInput

Array = NDArray[np.float64]


CAMPAIGN = "shear"
# not "output": what is drawn of a run does not change it
_READ = ("material", "initial", "shear", "grid", "scheme")


@dataclass(frozen=True)
class Campaign:
    """A run's input, its folder, and what it makes.

    Attributes:
        digests: key of the input -> SHA-256 of the file that it names.
    """

    comm: MPI.Comm
    settings: ShearInput
    case: Case
    digests: Mapping[str, str]
    workspace: Workspace

    @property
    def run(self) -> Product:
        """run.h5, summary and figures."""
        # a run without a program keeps the key that it has always had
        read = _READ if self.settings.loading is None else (*_READ, "loading")
        identity = Identity.of("shear", self.settings, read, files=self.digests)
        return Product("shear", identity, ("run.h5", "summary.json"), self._shear)

    @property
    def exports(self) -> list[Product]:
        """What is drawn or written from run.h5 on request."""
        after, store = {"shear": self.run.identity.key}, self.workspace.root / "run.h5"
        # products of their own, by the run's key: asked for later, they are made without another run
        output, wanted = self.settings.output, []

        def on_root(write: Callable[[Path], None]) -> Callable[[Path], None]:
            return lambda folder: parallel.on_root(self.comm, lambda: write(folder))

        if output.animation:
            from . import animation  # matplotlib, which nothing before needs

            draw = on_root(lambda folder: animation.animate(store, folder / "run.gif"))
            wanted.append(Product("animation", Identity("animation", after=after), ("run.gif",), draw))
        if output.vtk:
            export = on_root(lambda folder: paraview.export(store, folder / "vtk"))
            wanted.append(Product("vtk", Identity("vtk", after=after), ("vtk/run.pvd",), export))
        return wanted

    def plan(self) -> list[Product]:
        """Everything that a whole run does, in order."""
        return [self.run, *self.exports]

    def _shear(self, folder: Path) -> None:
        comm, case = self.comm, self.case
        # what draws must be there before hours of work, not only after them
        parallel.on_root(comm, lambda: plots.pyplot() is not None)
        start = time.perf_counter()
        with solvers(comm, self.settings, case) as (domain, projection), progress(comm, "shear") as tick:
            result = forward(case, domain, projection, lambda frame: tick(frame / case.last_frame))
        self._write(folder, result, None, time.perf_counter() - start)
        console(comm).print(
            f"sheared {case.grid.nx} × {case.grid.ny} cells to strain {result.gamma[-1]:g}, "
            f"{result.counts.steps} steps: peak deviatoric stress {result.dev_stress.max():.4f} GPa, "
            f"{result.dev_stress[-1]:.4f} GPa at the end; results in {self.workspace.root}",
            soft_wrap=True,
        )

    def keep_partial(self, failure: FlowError) -> None:
        """Write the frames up to where a run failed (collective); they do not count as a finished run."""
        whole = self.run
        # another task, so that the next start does not take it for the finished run
        identity = replace(whole.identity, task="shear, as far as it went")
        # the error is one of core, which knows no results
        partial = cast(Result, failure.partial)
        write = replace(whole, identity=identity, work=lambda f: self._write(f, partial, failure, 0.0))
        stages.make(self.comm, self.workspace, write, again=True)

    def _write(self, folder: Path, result: Result, failure: FlowError | None, seconds: float) -> None:
        """Store the result and draw it."""

        def work() -> None:
            store = folder / "run.h5"
            shear_store.write(store, self.case, result, failure is None, self.run.identity.key)
            files.write_json(folder / "summary.json", summary(self.case, result, failure, seconds))
            figures.draw(store, folder)

        parallel.on_root(self.comm, work)


def run(comm: MPI.Comm, path: Path, out: Path, overrides: Sequence[str]) -> None:
    """Run the campaign of ``path`` and write run.h5, summary.json and figures to ``out`` (collective).

    Raises:
        InputError: the input, named.
        FlowError: the run failed; run.h5 then holds the frames up to there.
    """

    def read() -> tuple[ShearInput, Case, dict[str, str], str]:
        settings, case = prepare(path, overrides)
        return settings, case, digests_of(settings.initial, path.parent), config.as_text(path, overrides)

    demand.require(comm, asked(comm, path, overrides), out)
    # one rank reads: what is wrong is told once, and ends all; and other nodes need not have the files
    settings, case, digests, text = parallel.on_root(comm, read)
    with claim(comm, out, CAMPAIGN, path, overrides, text) as workspace:
        campaign = Campaign(comm, settings, case, digests, workspace)
        try:
            stages.make(comm, workspace, campaign.run)
        except FlowError as failure:  # raised on all ranks alike
            # hours of frames may be good, and show where it went wrong
            campaign.keep_partial(failure)
            raise
        for product in campaign.exports:
            stages.make(comm, workspace, product)


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'."""
    demand.require(MPI.COMM_SELF, asked(MPI.COMM_SELF, source, overrides))
    settings, case = prepare(source, overrides)
    digests = digests_of(settings.initial, source.parent)
    return [*Campaign(MPI.COMM_SELF, settings, case, digests, workspace).plan()]


def asked(comm: MPI.Comm, path: Path, overrides: Sequence[str]) -> Demand:
    """What a run takes at least (collective); before its fields are made."""
    return parallel.on_root(comm, lambda: demands.shear(config.load(path, ShearInput, overrides)))


def digests_of(source: InitialInput, folder: Path) -> dict[str, str]:
    """SHA-256 of the files of energies, by the keys that name them."""
    names = {"initial.file": source.file, "initial.final_file": source.final_file}
    return {key: contents(folder / name) for key, name in names.items() if name is not None}


def prepare(path: Path, overrides: Sequence[str] = ()) -> tuple[ShearInput, Case]:
    """The checked input and the case it describes."""
    settings = config.load(path, ShearInput, overrides)
    grid = Grid(
        settings.grid.nx, settings.grid.ny, settings.grid.lx_A, settings.grid.ly_A, settings.grid.boundary
    )
    chi, chi_inf = _initial_chi(settings.initial, grid, Path(path).parent)
    solid = settings.material
    material = Material(
        s_y=solid.s_y_GPa,
        c0=solid.c0,
        chi_inf=given(chi_inf if solid.chi_inf is None else solid.chi_inf, "material.chi_inf"),
        mu=solid.mu_GPa,
        bulk=solid.K_GPa,
        eps0=solid.eps0,
        tau0=solid.tau0_ps,
        l_chi=solid.l_chi_A,
        e_z=solid.e_z_K,
        diffusion=settings.scheme.diffusion,
    )
    shear, loading = settings.shear, settings.loading
    last = shear.frames * (1 if loading is None else len(loading.strains))
    case = Case(
        material=material,
        chi=chi,
        grid=grid,
        frame=shear.frame,
        rate=shear.rate_per_s,
        max_strain=shear.max_strain,
        strains=None if loading is None else loading.strains,
        rates=None if loading is None else loading.rates_per_s,
        frames=shear.frames,
        # the last frame always: summary and figures need it
        fields_at=[n for n in range(last + 1) if n % shear.fields_every == 0 or n == last],
        tolerance=settings.scheme.tolerance,
        stress_at_rest=settings.initial.stress_GPa,
    )
    return settings, case


@contextlib.contextmanager
def solvers(comm: MPI.Comm, settings: ShearInput, case: Case) -> Iterator[tuple[Domain, Projection]]:
    """The domain of this rank and the projection that the input asks for (collective).

    Raises:
        InputError: 'fourier' for a clamped grid or for several ranks.
    """
    chosen = settings.scheme.projection
    if chosen is None:
        # the exact inverse where it serves: PETSc proves the same solution at some more cost
        chosen = "fourier" if comm.size == 1 and case.grid.boundary == "periodic" else "petsc"
    if chosen == "fourier":
        if comm.size > 1:
            raise InputError(
                f"scheme.projection = 'fourier' runs on one rank, not on {comm.size}; use 'petsc'"
            )
        domain = WholeGrid(case.grid)
        yield domain, FourierProjection(domain, case.material)
        return
    from ...stz.equilibrium import krylov  # needs petsc4py

    with krylov.shared(case.grid, case.material, comm) as (shared, projection):
        yield shared, projection


def _initial_chi(source: InitialInput, grid: Grid, folder: Path) -> tuple[Array, float | None]:
    """χ at γ = 0, and χ∞ = β (max E_final − E0) if a final file is given."""
    if source.formula is not None:
        return _formula_chi(source, source.formula, grid), None
    # relative to the TOML file, not to where the command is started
    energy = read_energy(folder / given(source.file, "initial.file"), source.dataset)
    # no interpolation: the grid of the file and of [grid] are both the user's word
    if energy.shape != grid.shape:
        raise InputError(
            f"{source.file}: the field has the shape {energy.shape} (rows, columns), the grid {grid.shape}"
        )
    beta, e0 = given(source.beta_per_eV, "initial.beta_per_eV"), given(source.E0_eV, "initial.E0_eV")
    chi = effective_temperature(energy, beta, e0)
    if source.final_file is None:
        return chi, None
    final = read_energy(folder / source.final_file, source.dataset)
    return chi, float(effective_temperature(final, beta, e0).max())


def _formula_chi(source: InitialInput, formula: Formula, grid: Grid) -> Array:
    """χ at γ = 0 by a formula."""
    chi = given(source.chi, "initial.chi")
    if formula == "uniform":
        return initial.uniform(grid, chi)
    amplitude, width = given(source.amplitude, "initial.amplitude"), given(source.width_A, "initial.width_A")
    if formula == "bump":
        return initial.bump(grid, chi, amplitude, width)
    return initial.random(grid, chi, amplitude, width, given(source.seed, "initial.seed"))


def summary(case: Case, result: Result, failure: FlowError | None, seconds: float) -> dict[str, Any]:
    """The numbers of a run."""
    peak = int(np.argmax(result.shear_stress))
    return {
        "versions": versions(),
        "complete": failure is None,
        "failure": None if failure is None else f"{failure}",
        "worst_cell": None if failure is None else cell_name(failure.cell),
        "strain_reached": result.gamma[-1],
        "strain_path": result.path[-1],
        "peak_shear_stress_GPa": result.shear_stress[peak],
        "strain_at_peak": result.gamma[peak],
        "final_shear_stress_GPa": result.shear_stress[-1],
        "final_chi_range": [result.chi[-1].min(), result.chi[-1].max()],
        "final_Exy_range": [result.exy[-1].min(), result.exy[-1].max()],
        "chi_inf": case.material.chi_inf,
        "tolerance": case.tolerance,
        "steps": result.counts.steps,
        "rejected_steps": result.counts.rejected,
        "rate_evaluations": result.counts.evaluations,
        "seconds": round(seconds, 4),
    }
