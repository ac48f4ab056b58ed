"""Frames of fields: groups, extras, averages over steps, and nodes without atoms."""

import numpy as np
import pytest
from field_systems import CRYSTAL, attached, simulation
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.channels import Constants, channels
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.hardy import PairForces
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.observe.smoothing import Smoothing
from mdbridge.md.observe.wanted import NAMES, Wanted

NVE = "fix motion all nve\nthermo 10\n"


def test_where_there_are_no_atoms_means_are_nan_and_densities_nothing():
    slab = CRYSTAL.replace(
        "create_atoms 1 box", "region slab block 0 1.9 INF INF INF INF\n    create_atoms 1 region slab"
    )
    with simulation(slab, NVE) as session:
        frames, _ = attached(
            session, ["density", "velocity", "displacement", "stress"], cells=(10, 4), radius=1.4
        )
        session.run(10)
    fields = frames[-1]["fields"]
    empty = fields["density"] == 0.0
    assert 0.2 < empty.mean() < 0.8
    assert np.isnan(fields["velocity"][empty]).all() and np.isfinite(fields["velocity"][~empty]).all()
    assert (fields["stress"][empty] == 0.0).all()


def test_fields_of_a_group_are_those_of_its_atoms():
    with simulation(CRYSTAL, "group heavy type 2\n" + NVE) as session:
        whole, _ = attached(session, ["composition", "number_density"])
        heavy, _ = attached(session, ["composition", "number_density"], group="heavy")
        session.run(10)
    assert (heavy[-1]["fields"]["composition"][..., 1] == 1.0).all()
    share = whole[-1]["fields"]["composition"][..., 1] * whole[-1]["fields"]["number_density"]
    np.testing.assert_allclose(heavy[-1]["fields"]["number_density"], share, rtol=1e-12)


def test_an_extra_is_the_mean_over_the_atoms_of_its_source():
    more = "variable twice atom 2*type\ncompute own all property/atom type\n" + NVE
    with simulation(CRYSTAL, more) as session:
        frames, _ = attached(session, ["composition"], extra={"kind": "c_own", "double": "v_twice"})
        session.run(10)
    fields = frames[-1]["fields"]
    expected = fields["composition"] @ [1.0, 2.0]
    np.testing.assert_allclose(fields["kind"], expected, rtol=1e-12)
    np.testing.assert_allclose(fields["double"], 2 * expected, rtol=1e-12)
    with simulation(CRYSTAL, NVE) as session, pytest.raises(InputError, match="c_slip"):
        attached(session, ["density"], extra={"slip": "c_slip"})


def test_an_extra_of_any_name_leaves_the_fields_what_they_are():
    """What fields are summed from has names, too, which those of extras once took the place of."""
    asked = ["density", "velocity", "temperature", "potential_energy", "composition", "stress"]

    def observed(extra):
        with simulation(CRYSTAL, "compute own all property/atom type\n" + NVE) as session:
            frames, _ = attached(session, asked, extra=extra, kinetic="mean")
            names = channels(Constants.of(session), {})
            session.run(10)
        return frames[-1]["fields"], names

    alone, names = observed({})
    # a quantity takes the name of no other
    both, _ = observed({name: "c_own" for name in names if name not in NAMES})
    for name in asked:
        np.testing.assert_array_equal(both[name], alone[name])
    np.testing.assert_allclose(both["mass"], alone["composition"] @ [1.0, 2.0], rtol=1e-12)


def test_a_frame_is_the_mean_over_its_looks():
    def observed(session, looks):
        material, frames = Material(), []
        session.attach(material, every(1))
        wanted = Wanted(CellGrid("xy", (5, 4)), "cone", 2.5, ["density", "velocity"])
        session.attach(Fields(wanted, material, on([max(looks)]), frames.append), on(looks))
        return frames

    with simulation(CRYSTAL, NVE) as session:
        single = [observed(session, [step]) for step in (10, 15, 20)]
        together = observed(session, [10, 15, 20])
        session.run(20)
    density = np.array([frames[0]["fields"]["density"] for frames in single])
    velocity = np.array([frames[0]["fields"]["velocity"] for frames in single])
    averaged = together[0]["fields"]
    np.testing.assert_allclose(averaged["density"], density.mean(axis=0), rtol=1e-12)
    momentum = (density[..., None] * velocity).sum(axis=0) / density.sum(axis=0)[..., None]
    np.testing.assert_allclose(averaged["velocity"], momentum, rtol=1e-11, atol=1e-13)


def test_logs_and_trajectories_are_those_of_a_run_without_observers():
    def run(observe):
        with simulation(
            CRYSTAL, "fix motion all nve\nthermo_style custom step temp pe press pxx pxy\nthermo 10"
        ) as session:
            if observe:
                attached(session, ["density", "velocity", "stress", "strain", "temperature"])
            session.run(60)
            order = np.argsort(session.atoms().ids)
            thermo = [session.lmp.get_thermo(name) for name in ("temp", "pe", "press", "pxx", "pxy")]
            return session.atoms().x[order].copy(), session.atoms().v[order].copy(), thermo

    for unobserved, observed in zip(run(False), run(True), strict=True):
        np.testing.assert_array_equal(unobserved, observed)


@pytest.mark.parametrize(("remap", "flows"), [("v", True), ("x", False)])
@pytest.mark.parametrize("region", [None, ((1.0, 6.0), (0.5, 5.0))])
def test_the_flow_of_the_box_is_a_field_and_what_a_gas_moves_by_that_its_box_carries(remap, flows, region):
    """Atoms without forces that move as the box does; at the boundary windows hold images."""
    start = "velocity all set 0 0 0\npair_coeff * * 0.0 1.0\nvariable top equal 0.3*ly"
    if flows:
        start += "\nvelocity all ramp vx 0 ${top} y 0 $(ly) units box"
    start += f"\nfix motion all nve\nfix pull all deform 1 xy erate 0.3 remap {remap}"
    with simulation(CRYSTAL, start) as session:
        material, frames = Material(flows=flows, timed=True), []
        session.attach(material, every(1))
        asked = Wanted(CellGrid("xy", (5, 4), region), "cone", 2.5, ["velocity", "box_velocity"])
        fields = Fields(asked, material, every(20), frames.append)
        session.attach(fields, every(20))
        session.run(40)
        fields.flush(MPI.COMM_SELF)
        height = session.box()[1, 1]
    assert [frame["step"] for frame in frames] == [0, 20, 40]
    for frame in frames:
        flow = frame["fields"]["box_velocity"]
        if flows:
            np.testing.assert_allclose(frame["fields"]["velocity"], flow, atol=1e-9)
        else:
            assert np.abs(frame["fields"]["velocity"]).max() < 1e-9
        y = (np.arange(4) + 0.5) / 4 * height if region is None else 0.5 + 4.5 * (np.arange(4) + 0.5) / 4
        # crystals have layers: a window's atoms are not quite about its middle
        np.testing.assert_allclose(flow[..., 0], 0.3 * np.broadcast_to(y[:, None], (4, 5)), atol=0.1)
        assert np.abs(flow[..., 1:]).max() < 1e-12


def test_the_first_frame_is_that_of_its_step_however_far_the_next_one_is():
    """The box swings: half a period later it flows the other way, bonds have turned and images moved on."""
    fields = ["box_velocity", "velocity", "temperature", "stress", "displacement"]
    swing = "variable top equal 0.5*2*PI/0.16\nvelocity all ramp vx 0 ${top} y 0 $(ly) sum yes units box\n"
    swing += "fix motion all nve\nfix pull all deform 1 xy wiggle 0.5 0.16 remap v units box"
    first = []
    for spacing in (1, 5, 20):
        with simulation(CRYSTAL, swing) as session:
            material, frames, when = Material(flows=True), [], every(spacing)
            asked = Wanted(CellGrid("xy", (5, 4)), "cone", 2.5, fields, stress="hardy", filter=0.1)
            smoothing = Smoothing(0.1, material)
            forces = PairForces(asked.grid, asked.shape, asked.radius, material)
            taken = Fields(asked, material, when, frames.append, smoothing, forces)
            for observer in (material, smoothing, forces, taken):
                session.attach(observer, when if observer in (forces, taken) else every(1))
            session.run(20)
            taken.flush(MPI.COMM_SELF)
        assert len(frames) == 1 + 20 // spacing and frames[0]["step"] == 0
        first.append(frames[0]["fields"])
    for name in fields:
        for other in first[1:]:
            np.testing.assert_allclose(other[name], first[0][name], rtol=1e-10, atol=1e-10, err_msg=name)
    y = (np.arange(4) + 0.5) / 4
    # of a step of a fortieth of the period
    flow = 0.5 * 2 * np.pi / 0.16 * y[:, None]
    np.testing.assert_allclose(first[0]["box_velocity"][..., 0], np.broadcast_to(flow, (4, 5)), rtol=0.15)
    assert np.abs(first[0]["displacement"]).max() == 0.0


def test_a_field_of_the_flow_needs_a_material_that_is_timed():
    with pytest.raises(ValueError, match="needs a material that is timed"):
        Fields(Wanted(CellGrid("xy", (5, 4)), "cone", 2.5, ["box_velocity"]), Material(), every(1), print)


@pytest.mark.parametrize("dimension", [2, 3])
def test_temperature_in_windows_of_few_atoms_has_no_bias(dimension):
    """A gas at a known temperature; a mean without correction would be low by a quarter in such windows."""
    deep = 0.5 if dimension == 2 else 2.0
    gas = f"""
        units lj
        dimension {dimension}
        boundary p p p
        region whole block 0 120 0 120 -{deep} {deep}
        create_box 2 whole
        create_atoms 1 random 12000 31 NULL
        set group all type/ratio 2 0.5 5
        mass 1 1.0
        mass 2 3.0
        pair_style zero 1.0
        pair_coeff * *
        """
    with simulation(gas) as session:
        material, frames = Material(), []
        session.attach(material, every(1))
        wanted = Wanted(CellGrid("xy", (100, 100)), "cone", 2.2, ["temperature", "density"])
        session.attach(Fields(wanted, material, on([7]), frames.append), on(range(8)))
        for seed in range(1, 9):
            session.commands(f"velocity all create 1.7 {7919 * seed} mom no rot no")
            session.run(1, "post no")
    temperature = frames[-1]["fields"]["temperature"]
    # about four atoms in a window, eight times
    assert np.nanstd(temperature) > 0.1
    assert np.nanmean(temperature) == pytest.approx(1.7, rel=2e-3)
