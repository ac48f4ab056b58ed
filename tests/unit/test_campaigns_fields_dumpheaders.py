"""What the frames of a dump say before their atoms."""

import numpy as np
import pytest

from mdbridge.campaigns.fields.dumpheaders import frames, headers
from mdbridge.core.errors import InputError

FRAME = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS {flags}
{bounds}
ITEM: ATOMS id type {columns}
1 1 0.5 0.5 0.5 0 0 0
2 1 1.5 0.5 {height} 0 0 0
"""
UPRIGHT = "-1.0 4.0\n0.0 3.0\n2.0 5.0"
LEANING = "-1.5 4.25 0.25\n0.0 3.0 -0.5\n2.0 5.0 0.0"
ABC = "5.0 0.0 0.0 -1.0\n0.0 3.0 0.0 0.0\n0.0 0.0 3.0 2.0"


def written(folder, steps=(0, 5), **changes):
    path = folder / "a.dump"
    values = {"columns": "x y z ix iy iz", "flags": "pp pp pp", "bounds": UPRIGHT, "height": "0.5"} | changes
    path.write_text("".join(FRAME.format(step=step, **values) for step in steps))
    return path


@pytest.mark.parametrize(
    ("columns", "place", "follows"),
    [
        ("x y z ix iy iz", "x", True),
        ("x y z vx vy vz", "x", False),
        # of several kinds that by which atoms can be followed
        ("x y z xu yu zu", "xu", True),
        ("xs ys zs xsu ysu zsu", "xsu", True),
        ("xu yu zu ix iy iz", "xu", True),
        ("q fx fy fz c d", "", False),
    ],
)
def test_the_kind_of_positions(tmp_path, columns, place, follows):
    first = headers(written(tmp_path, columns=columns))[0]
    assert (first.place, first.follows) == (place, follows)
    assert first.moves == ("vx" in columns)


def test_the_box_is_that_of_the_tilts(tmp_path):
    upright = headers(written(tmp_path))[0]
    assert not upright.leans and np.diag(upright.box[1]).tolist() == [5.0, 3.0, 3.0]
    leaning = headers(written(tmp_path, flags="xy xz yz pp pp ff", bounds=LEANING))[0]
    corner, edges = leaning.box
    assert leaning.leans and corner.tolist() == [-1.0, 0.0, 2.0]
    assert edges.tolist() == [[5.0, 0.0, 0.0], [0.25, 3.0, 0.0], [-0.5, 0.0, 3.0]]


def test_frames_are_counted(tmp_path):
    assert frames(written(tmp_path, steps=(0, 5, 20))) == [0, 5, 20]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": "-nan"}, "'2 1 1.5 0.5 -nan 0 0 0' in the frame of step 0 is no atom"),
        ({"flags": "abc origin pp pp pp", "bounds": ABC}, "general triclinic system"),
        ({"height": "inf"}, "'2 1 1.5 0.5 inf 0 0 0' in the frame of step 0 is no atom"),
        ({"steps": (5, 5)}, "step 5 follows step 5"),
        ({"steps": (5, 4)}, "step 4 follows step 5"),
        ({"bounds": "0 1\n0 1"}, r"cut or damaged in the frame of step 0 \(BOX BOUNDS"),
        ({"bounds": "0 1\n0 1\n0 1 0"}, r"cut or damaged in the frame of step 0 \(BOX BOUNDS"),
        ({"bounds": "0\n0\n0"}, r"cut or damaged in the frame of step 0 \(BOX BOUNDS"),
        ({"bounds": "0 1\n0 inf\n0 1"}, r"cut or damaged in the frame of step 0 \(BOX BOUNDS"),
        ({"bounds": "0 1\n1 1\n0 1"}, r"cut or damaged in the frame of step 0 \(BOX BOUNDS"),
        ({"bounds": UPRIGHT + "\nITEM: MOON"}, "'ITEM: MOON' is not known"),
        ({"bounds": UPRIGHT + "\n0 1"}, "'0 1' where a LAMMPS dump has 'ITEM: …'"),
    ],
)
def test_what_lammps_cannot_read_back_is_refused(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        headers(written(tmp_path, **changes))


def test_words_of_atoms_may_hold_what_is_no_number(tmp_path):
    assert len(headers(written(tmp_path, height="0.5 banana infinite"))) == 2
