"""A whole campaign of fields: from a script to fields.h5, figures, ParaView and summary."""

import html
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from field_runs import FREE_SHEAR, PULLED, RESUMABLE, SCRIPT, SHEARED, observe
from mpi4py import MPI

from mdbridge.campaigns import webpage
from mdbridge.campaigns.fields import stages
from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.campaigns.fields.results import FIELDS
from mdbridge.core import store
from mdbridge.core.config import check
from mdbridge.core.errors import InputError, MdbridgeError, MDError
from mdbridge.core.workspace import Workspace
from mdbridge.md.observe.wanted import NAMES

ALL = [name for name in NAMES if name != "heat_flux"]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pulled")
    more = "average_over = 3\naverage_every = 5\ncurve_every = 10\n[observe.extra]\nkinetic = 'c_kinetic'"
    return observe(folder, fields=ALL, more=more, output="shown = 1")


def test_fields_are_named_with_dimensions_coordinates_and_units(pulled):
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(pulled / "fields.h5") as data:
        assert not [name for name in data.dims if name.startswith("phony")]
        assert set(ALL) | {"kinetic", "step", "box", "origin"} <= set(data)
        assert data.density.dims == ("time", "y", "x")
        assert data.stress.dims == ("time", "y", "x", "voigt")
        assert data.voigt.values.tolist() == ["xx", "yy", "zz", "xy", "xz", "yz"]
        assert data.time.attrs["units"] == "tau"
        np.testing.assert_allclose(data.time, [0.0, 0.08, 0.16])
        assert data.step.values.tolist() == [0, 20, 40]
        assert all({"units", "long_name"} <= set(data[name].attrs) for name in ALL)
        assert data.sizes["x"] == 5 and data.sizes["y"] == 4
        np.testing.assert_allclose(data.box[2, 0, 0] / data.box[0, 0, 0], 1.0 + 0.5 * 0.16)
        assert data.stress.attrs["units"] == "epsilon/sigma^3"


def test_curves_say_how_the_box_is_loaded(pulled):
    with store.reading(pulled / "fields.h5", FIELDS) as file:
        curve = file.group("curve")
        assert curve.integers("step").tolist() == [0, 10, 20, 30, 40]
        np.testing.assert_allclose(curve.get("stretch")[:, 0], 1.0 + 0.5 * curve.get("time"))
        np.testing.assert_allclose(
            curve.get("strain")[:, 0], 0.5 * (curve.get("stretch")[:, 0] ** 2 - 1.0), atol=1e-12
        )
        # the mean stress of the nodes is that of the box, on the steps of both
        stress = file.get("stress", at=0).mean(axis=(0, 1))
        np.testing.assert_allclose(stress, curve.get("stress")[0], rtol=1e-10, atol=1e-10)


def test_all_that_is_promised_is_there(pulled):
    names = {path.name for path in pulled.iterdir()}
    assert {"fields.h5", "summary.json", "curves.png", "vtk", "lammps.log"} <= names
    assert {f"field_{name}.png" for name in [*ALL, "kinetic"]} <= names
    assert len(list((pulled / "vtk").glob("*.vts"))) == 3
    summary = json.loads((pulled / "summary.json").read_text())
    assert summary["loading"]["kind"] == "stretch" and summary["loading"]["direction"] == "x"
    assert summary["fields"]["kinetic"]["last"]["kinetic"]["mean"] > 0


def test_a_finished_campaign_is_not_run_again(pulled, capfd):
    source = pulled.parent / "input.toml"
    stages.observe(MPI.COMM_SELF, source, pulled, ())
    assert "done before" in capfd.readouterr().err


def test_in_sllod_flow_velocity_and_temperature_have_no_seam(tmp_path):
    out = observe(tmp_path, SCRIPT + SHEARED, fields=["velocity", "temperature", "stress"], cells=[5, 8])
    with store.reading(out / "fields.h5", FIELDS) as file:
        y, box = file.get("y"), file.get("box")
        for frame in range(3):
            flow = 1.0 * y  # the shear rate is 1
            profile = file.get("velocity", at=frame)[..., 0].mean(axis=1)
            assert np.abs(profile - flow).max() < 0.35  # thermal motion of few atoms
            temperature = file.get("temperature", at=frame).mean(axis=1)
            assert temperature.max() < 3 * temperature.min()
            # LAMMPS's own temperature, less the flow, is what the mean stress has
            curve = file.group("curve").get("stress")[frame]
            stress = file.get("stress", at=frame).mean(axis=(0, 1))
            np.testing.assert_allclose(stress, curve, rtol=1e-10, atol=1e-10)
        assert box[-1, 1, 0] == pytest.approx(0.16 * box[0, 1, 1])


def test_what_concerns_the_results_is_noted_and_stands_at_the_top_of_the_page(tmp_path):
    """A box that flows, and atoms that go; that the script cannot go on concerns nobody who reads them."""
    hot = SHEARED.replace("thermo_modify temp thermal\n", "")
    gone = "group few id 1:5\nfix away few evaporate 10 1 whole 71\n"
    out = observe(tmp_path, SCRIPT + hot + gone, fields=["density"])
    flow, atoms = notes = json.loads((out / "summary.json").read_text())["notes"]
    assert flow.startswith("my.in: the box flows, and LAMMPS's temperature")
    assert atoms.startswith("of 240 atoms at first up to ")
    webpage.write(out)
    page = html.unescape((out / "index.html").read_text())
    assert all(f'<p class="warning" role="note">{note}</p>' in page for note in notes)
    plain = observe(tmp_path / "plain", fields=["density"])
    assert json.loads((plain / "summary.json").read_text())["notes"] == []


def test_stress_counts_the_motion_of_all_atoms_whose_temperature_the_pressure_takes(tmp_path):
    """The mean of the field is minus LAMMPS's pressure, unless that is of a group: this is noted."""
    means = []
    for name, group in (("all", "all"), ("heavy", "heavy")):
        own = PULLED + f"compute own {group} temp\nthermo_modify temp own\n"
        out = observe(tmp_path / name, SCRIPT + own, fields=["stress"])
        notes = json.loads((out / "summary.json").read_text())["notes"]
        assert bool(notes) == (group != "all")
        with store.reading(out / "fields.h5", FIELDS) as file:
            field, curve = file.get("stress").mean(axis=(1, 2)), file.group("curve").get("stress")
        assert np.allclose(field, curve, rtol=1e-9, atol=1e-9) == (group == "all")
        means.append(field)
    np.testing.assert_allclose(*means, rtol=1e-12)


def test_frames_before_a_failure_are_kept(tmp_path):
    failing = PULLED + "variable force equal 0.0/(step<30)\nfix bomb all addforce v_force 0.0 0.0\n"
    with pytest.raises(MdbridgeError):
        observe(tmp_path, SCRIPT + failing, steps=60)
    with store.reading(tmp_path / "out" / "fields.h5", FIELDS) as file:
        assert file.integers("step").tolist() == [0, 20]
        assert file.attribute("complete", bool) is False


def test_number_of_atoms_and_timestep_are_those_at_first(tmp_path):
    changing = (
        "fix gone all evaporate 10 3 whole 49892\nfix shorter all dt/reset 1 NULL 0.002 0.01 units box\n"
    )
    out = observe(tmp_path, SCRIPT + PULLED + changing)
    with store.reading(out / "fields.h5", FIELDS) as file:
        first, last = file.group("curve").get("atoms")[[0, -1]]
        assert first == 240 and last < 240
        assert file.attribute("natoms", int) == 240 and file.attribute("timestep", float) == 0.004
    assert json.loads((out / "summary.json").read_text())["natoms"] == 240


def test_a_run_that_ends_early_is_said(tmp_path):
    halting = PULLED + "variable now equal step\nfix stop all halt 1 v_now > 25 error continue\n"
    with pytest.raises(MDError, match=r"ended at step 2\d, 1 of 2 frames before its end"):
        observe(tmp_path, SCRIPT + halting)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"radius": 0.1}, "kernel.radius = 0.1 sigma is so small that"),
        ({"radius": 0.1, "cells": [7, 7], "fields": ["velocity"]}, "a field needs atoms in its windows"),
        ({"radius": 0.8, "fields": ["strain"], "axes": "xyz", "cells": [5, 4, 3]}, "'strain' needs 5 atoms"),
        (
            {"region": "region = [[0, 99], [0, 3]]"},
            "99 along x does not fit the box, which repeats",
        ),
        ({"more": "group = 'light'"}, "the script defines no such group; it has all, heavy"),
        ({"more": "[observe.extra]\nslip = 'c_slip'"}, "c_slip, which this simulation does not define"),
        ({"cells": [2, 2], "radius": 1.5}, "atoms lie between the nodes"),
        ({"cells": [5]}, "'cells' has 1 entries, but axes = 'xy'"),
        ({"every": 30}, "md.steps = 40 is not divided by observe.every = 30"),
        ({"more": "average_over = 5\naverage_every = 10"}, "take 41 steps, a frame has 20"),
        ({"script": SCRIPT.replace("map array", "id no") + PULLED}, "the atoms have no IDs"),
        ({"script": SCRIPT + SHEARED.replace("deform 1 ", "deform 5 ")}, "moves the box every 5 steps"),
        (
            {"script": SCRIPT + PULLED.replace("deform 1 ", "deform 5 "), "fields": ["box_velocity"]},
            "moves the box every 5 steps",
        ),
        ({"fields": ["densty"]}, "'observe.fields.0' = 'densty'"),
        ({"more": "[observe.extra]\ntime = 'c_kinetic'"}, "extra.time: the name is taken"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_run(tmp_path, changes, words):
    with pytest.raises(InputError) as error:
        observe(tmp_path, **changes)
    assert words in str(error.value)
    log = tmp_path / "out" / "lammps.log"
    assert not log.exists() or "run 40" not in log.read_text()


def test_a_dry_run_leaves_nothing_and_tells_the_cost(tmp_path, capfd):
    # of a run that is over
    (tmp_path / "mine.dump").write_text("kept")
    script = SCRIPT + PULLED + "dump mine all atom 10 mine.dump\nrestart 10 state.*\n"
    observe(tmp_path, script, dry_run=True, steps=4000)
    assert (tmp_path / "mine.dump").read_text() == "kept" and not list(tmp_path.glob("state.*"))
    said = capfd.readouterr().err
    assert "ms a frame" in said and "4,000" in said
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="so small that"):
        observe(tmp_path, dry_run=True, radius=0.1)


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ("run 10\n", "it is at step 40, the restart file at step 30"),
        ("delete_atoms group few compress yes\n", "it has 225 atoms, the restart file 235"),
        ("velocity all create 0.5 17 loop geom\n", "the velocities are not those of the restart file"),
    ],
)
def test_a_script_that_does_again_what_is_done_once_is_refused(tmp_path, late, words):
    """Its label stands too early; the frames up to the second segment are kept, and count as no whole run."""
    few = "group few id 1:5\n" if "few" in late else ""
    more = "group few id 6:10\n" if "few" in late else ""
    script = RESUMABLE.replace("label           physics\n", f"label           physics\n{few}")
    script = script.replace("fix             motion", f"{late}{more}fix             motion", 1)
    with pytest.raises(InputError, match=words) as caught:
        observe(tmp_path, script, more="[checkpoint]\nevery_frames = 1")
    assert "does again what is done once" in str(caught.value) and "A script that goes on" in str(
        caught.value
    )
    with store.reading(tmp_path / "out" / "fields.h5", FIELDS) as file:
        assert not file.attributes()["complete"]


@pytest.mark.parametrize(
    ("once", "words"),
    [
        ("fix seen all ave/time 1 10 10 c_thermo_temp", ""),
        ("fix push all addforce 1.0 0.0 0.0\nunfix push", ""),
        ("fix push all addforce 1.0 0.0 0.0", "'fix push … addforce' acts at first, but not after"),
        (
            "compute few all temp/partial 1 1 0\nthermo_modify temp few",
            "takes the temperature 'few' at first",
        ),
    ],
)
def test_what_acts_in_the_first_segment_alone_is_refused(tmp_path, once, words):
    """LAMMPS sets nothing of it up from a restart file, and says nothing."""
    script = RESUMABLE.replace("label ", f"{once}\nlabel ")
    changes = {"more": "[checkpoint]\nevery_frames = 1", "fields": ["density"]}
    if not words:
        observe(tmp_path, script, **changes)
        return
    for dry_run in (True, False):
        with pytest.raises(InputError, match=words):
            observe(tmp_path, script, dry_run=dry_run, **changes)


@pytest.mark.parametrize("pull", ["scale 1.2", "erate 1.0", "delta 0.0 1.0 units box"])
def test_ramps_and_deformations_are_those_of_the_whole_run(tmp_path, pull):
    """In three segments as in a single one: each began its own anew, and the box came out at 1.2³."""
    script = RESUMABLE.replace("all nve", "all nvt temp 0.2 1.0 0.02").replace("erate 0.5", pull)
    ends = []
    for name, frames in (("segments", 2), ("whole", 6)):
        more = f"[checkpoint]\nevery_frames = {frames}"
        out = observe(tmp_path / name, script, steps=120, fields=["density", "temperature"], more=more)
        with store.reading(out / "fields.h5", FIELDS) as file:
            curve = file.group("curve")
            ends.append(
                [curve.get("stretch")[-1, 0], *curve.get("temperature")[len(curve.get("time")) // 3 :]]
            )
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-12) and ends[1][0] > 1.1
    # the trajectories part, the ramp does not
    assert np.abs(np.subtract(*ends)[1:]).max() < 0.1


@pytest.mark.parametrize(("box", "refused"), [("", True), (" units box", False)])
def test_lengths_in_a_lattice_that_is_no_longer_there_are_refused(tmp_path, box, refused):
    script = RESUMABLE.replace("erate 0.5", f"final 0.0 8.5{box}")
    expected = pytest.raises(InputError, match="measures in another lattice") if refused else nullcontext()
    with expected:
        observe(tmp_path, script, more="[checkpoint]\nevery_frames = 1")
    again = script.replace("label           physics", "label           physics\nlattice fcc 0.9")
    observe(tmp_path / "mended", again, more="[checkpoint]\nevery_frames = 1")


@pytest.mark.parametrize("style", ["step", "step temp press", "step pe", "step pxx", "step temp pe"])
@pytest.mark.parametrize("begun", ["", "run 2\n"])
def test_any_thermo_style_will_do(tmp_path, style, begun):
    """Its own output needs no energy, temperature or pressure: the curves have them all the same."""
    curves = []
    for name, line in (("plain", ""), ("own", f"thermo_style custom {style}\n")):
        out = observe(tmp_path / name, SCRIPT + PULLED + line + begun)
        with store.reading(out / "fields.h5", FIELDS) as file:
            curve = file.group("curve")
            names = ("temperature", "potential_energy", "kinetic_energy", "stress")
            curves.append([curve.get(name) for name in names])
    for plain, own in zip(*curves, strict=True):
        np.testing.assert_allclose(own, plain, rtol=1e-12, atol=1e-13)


def test_a_script_that_goes_on_from_a_restart_is_cut_at_checkpoints(tmp_path):
    more = "time_filter = 0.1\n[checkpoint]\nevery_frames = 1"
    fields = ["displacement", "strain", "density", "velocity"]
    changes = {"script": RESUMABLE, "fields": fields, "steps": 60, "more": more}
    whole = observe(tmp_path / "whole", **changes)
    again = tmp_path / "again"
    shutil.copytree(whole.parent, again)
    # the last segment is lost: it is made again from the restart file before it, the same to round-off
    last = next((again / "out" / "frames").glob("run-003-*"))
    shutil.rmtree(last)
    made_again = observe(again, **changes)
    with (
        store.reading(whole / "fields.h5", FIELDS) as uninterrupted,
        store.reading(made_again / "fields.h5", FIELDS) as resumed,
    ):
        assert uninterrupted.integers("step").tolist() == [0, 20, 40, 60]
        for name in fields:
            np.testing.assert_array_equal(uninterrupted.get(name), resumed.get(name))
        assert (
            uninterrupted.group("curve").integers("step").tolist()
            == resumed.group("curve").integers("step").tolist()
        )
        assert (np.diff(uninterrupted.group("curve").integers("step")) > 0).all()


@pytest.mark.parametrize("flows", [True, False])
def test_a_run_is_the_same_wherever_it_is_cut(tmp_path, flows):
    """Where atoms cross the boundary of a flowing box; and a time filter, which counts each step once."""
    # where an atom is along the flow depends by rate · L · dt on when in a step LAMMPS takes it back
    script, fields = FREE_SHEAR, ["velocity", "temperature", *([] if flows else ["displacement"])]
    if not flows:
        script = "\n".join(line for line in script.splitlines() if "ramp" not in line and "pull" not in line)
    changes = {"script": script, "fields": fields, "axes": "y", "cells": [6], "radius": 1.5, "steps": 160}
    made = []
    for name, frames in (("whole", 8), ("cut", 1)):
        more = f"{'' if flows else 'time_filter = 0.1'}\n[checkpoint]\nevery_frames = {frames}"
        out = observe(tmp_path / name, more=more, **changes)
        with store.reading(out / "fields.h5", FIELDS) as file:
            made.append([*(file.get(field) for field in fields), file.group("curve").get("kinetic_energy")])
    for whole, cut in zip(*made, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_box_whose_flow_changes_is_not_cut(tmp_path, dry_run):
    """LAMMPS does not know such a velocity when it takes atoms back at the set-up of a run."""
    script = FREE_SHEAR.replace("erate 0.5", "wiggle 0.5 0.2")
    words = r"fix pull moves the box by 'xy wiggle' with 'remap v', and 'checkpoint.every_frames' = 1 cuts"
    with pytest.raises(InputError, match=words):
        observe(tmp_path, script, dry_run=dry_run, more="[checkpoint]\nevery_frames = 1")
    if not dry_run:
        observe(tmp_path / "whole", script, more="[checkpoint]\nevery_frames = 2")


EXAMPLES = Path(__file__).parents[2] / "inputs" / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("aluminium_fields", 50),
        ("copper_void", 200),
        ("crack", 400),
        ("molecules", 500),
        ("trajectory", None),
    ],
)
def test_examples_give_numbers_where_there_are_atoms(tmp_path, name, steps):
    changes = ["output.figures=false", "output.vtk=false"] + ([f"md.steps={steps}"] if steps else [])
    stages.observe(MPI.COMM_SELF, EXAMPLES / f"{name}.toml", tmp_path, changes)
    with store.reading(tmp_path / "fields.h5", FIELDS) as file:
        velocity = "velocity" if name != "copper_void" else "density"
        for field in (velocity, "stress", "density"):
            values = file.get(field)
            assert len(values) >= 2 and np.isfinite(values).mean() > 0.5, field
            assert np.nanstd(values[-1]) > 0.0


@pytest.fixture
def campaign(tmp_path):
    """Of a script, or of a trajectory alone, in a folder of its own."""

    def of(**md):
        given = {"md": md, "grid": {"axes": "x", "cells": [4]}, "kernel": {"radius": 2.0}}
        data = {"campaign": "fields", "observe": {"every": 10}} | given
        config = check(data, FieldsInput, "in.toml")
        workspace = Workspace(tmp_path / "out", "fields")
        return stages.Campaign(MPI.COMM_SELF, config, tmp_path / "in.toml", workspace, {})

    return of


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("md", [{"script": "my.in", "steps": 20}, {"trajectory": "a.dump"}])
def test_what_was_seen_before_a_failure_is_kept(campaign, monkeypatch, tmp_path, md, fails):
    done = []

    def chain(*_):
        done.append("run")
        if fails:
            raise MDError("lost atoms")

    monkeypatch.setattr(stages.Campaign, "links", [])
    monkeypatch.setattr(stages.Campaign, "fields", SimpleNamespace(identity=SimpleNamespace(key="k")))
    monkeypatch.setattr(stages.stages, "chain", chain)
    monkeypatch.setattr(
        stages.Campaign, "_collect", lambda _, __, key, complete: done.append((key, complete)) or 3
    )
    monkeypatch.setattr(stages.Campaign, "_keep_partial", lambda _: done.append("partial"))
    with pytest.raises(MDError, match="lost atoms") if fails else nullcontext():
        campaign(**md)._collect_all(tmp_path)
    assert done == ["run", "partial" if fails else ("k", True)]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("observe", ["fields", "summary"]),
        ("run_or_resume", ["fields", "summary"]),
        ("report", ["summary again"]),
    ],
)
def test_a_command_does_its_pieces_in_order(monkeypatch, command, expected):
    done = []
    pieces = SimpleNamespace(workspace=None, fields="fields", summary="summary")
    monkeypatch.setattr(stages, "open_campaign", lambda *_: nullcontext(pieces))

    def make(comm, workspace, product, again=False):
        done.append(product + (" again" if again else ""))

    monkeypatch.setattr(stages.stages, "make", make)
    getattr(stages, command)(MPI.COMM_SELF, Path("in.toml"), Path("out"), [])
    assert done == expected


@pytest.mark.parametrize(
    ("line", "given", "versions"),
    [
        ("fix pull all deform 1 x erate 1", {}, {1}),
        ("fix pull all deform 1 x erate 1 remap v", {}, {2}),
        ("run 1", {"time_filter": 0.1}, {2}),
        ("run 1", {"fields": ["box_velocity"]}, {2}),
    ],
)
def test_what_once_came_out_otherwise_is_made_anew(tmp_path, line, given, versions):
    (tmp_path / "my.in").write_text("read_restart ${restart}\ninclude more.in\n")
    (tmp_path / "more.in").write_text(line)
    data = {"campaign": "fields", "md": {"script": "my.in", "steps": 20}, "checkpoint": {"every_frames": 1}}
    data |= {"grid": {"axes": "x", "cells": [4]}, "kernel": {"radius": 2.0}, "observe": {"every": 10} | given}
    config, workspace = check(data, FieldsInput, "in.toml"), Workspace(tmp_path / "out", "fields")
    links = stages.Campaign(MPI.COMM_SELF, config, tmp_path / "in.toml", workspace, {}).links
    assert {link.identity.version for link in links} == versions and len(links) == 2


def test_segments_of_a_script_pass_on_its_restart_file(campaign, tmp_path):
    (tmp_path / "my.in").write_text("run 0\n")
    links = campaign(script="my.in", steps=20).links
    assert {link.passing for link in links} == {stages.run.RESTART}
