"""Small campaigns of fields that several tests share."""

from mpi4py import MPI

from mdbridge.campaigns.fields import estimate, stages

SCRIPT = """
units           lj
atom_modify     map array
lattice         fcc 0.9
region          whole prism 0 5 0 4 0 3 0 0 0
create_box      2 whole
create_atoms    1 box
set             type 1 type/fraction 2 0.3 99
mass            1 1.0
mass            2 2.0
pair_style      lj/cut 2.5
pair_coeff      * * 1.0 1.0
timestep        0.004
velocity        all create 0.5 4711 loop geom
group           heavy type 2
compute         kinetic all ke/atom
thermo          20
"""


def _going_on(lattice, cells, velocities, behind):
    """A script of a crystal that goes on from restart files; ``behind`` is behind its label."""
    return f"""
if "${{resumed}} == 1" then "read_restart ${{restart}}" "jump SELF physics"
units           lj
atom_modify     map array
lattice         {lattice}
region          whole prism 0 {cells[0]} 0 {cells[1]} 0 {cells[2]} 0 0 0
create_box      1 whole
create_atoms    1 box
mass            1 1.0
{velocities}
label           physics
{behind}"""


RESUMABLE = _going_on(
    "fcc 0.9",
    (5, 4, 3),
    "velocity        all create 0.5 4711 loop geom",
    """pair_style      lj/cut 2.5
pair_coeff      * * 1.0 1.0
timestep        0.004
fix             motion all nve
fix             pull all deform 1 x erate 0.5 remap x
""",
)
PULLED = "fix motion all nve\nfix pull all deform 1 x erate 0.5 remap x\n"
SHEARED = """
variable top equal 1.0*ly
velocity all ramp vx 0 ${top} y 0 $(ly) sum yes units box
fix motion all nvt/sllod temp 0.5 0.5 0.4
fix pull all deform 1 xy erate 1.0 remap v
compute thermal all temp/deform
thermo_modify temp thermal
"""
FREE_SHEAR = _going_on(
    "sc 1.0",
    (6, 6, 3),
    """velocity        all create 1.0 4711 loop geom
velocity        all ramp vx 0 3.0 y 0 6 sum yes units box""",
    """pair_style      zero 1.2
pair_coeff      * *
timestep        0.005
fix             motion all nve
fix             pull all deform 1 xy erate 0.5 remap v
""",
)
"""Atoms that do not act on each other: none of the motion beside the flow is ever lost."""
INPUT = """
campaign = "fields"
[md]
script = "my.in"
steps = {steps}
[grid]
axes = "{axes}"
cells = {cells}
{region}
[kernel]
shape = "{shape}"
radius = {radius}
[observe]
every = {every}
fields = {fields}
{more}
[output]
{output}
"""


def write(folder, script=SCRIPT + PULLED, **changes):
    """The files of a campaign; returns the path of its input."""
    values = {
        "steps": 40, "axes": "xy", "cells": [5, 4], "region": "", "shape": "cone", "radius": 2.5, "every": 20,
        "fields": ["density", "velocity", "stress"], "more": "",
        "output": "figures = false\nvtk = false",
    } | changes  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my.in").write_text(script)
    source = folder / "input.toml"
    source.write_text(INPUT.format(**values).replace("'", '"'))
    return source


def observe(folder, script=SCRIPT + PULLED, overrides=(), dry_run=False, **changes):
    """Run a campaign in a folder; returns the folder of its results."""
    source = write(folder, script, **changes)
    command = estimate.dry_run if dry_run else stages.observe
    command(MPI.COMM_SELF, source, folder / "out", overrides)
    return folder / "out"
