"""The input of a glass campaign: what fits together, and the steps that follow from it."""

from pathlib import Path

import pytest

from mdbridge.campaigns.glass.input import RESERVED, GlassInput
from mdbridge.core.config import check, load
from mdbridge.core.errors import InputError

INPUTS = Path(__file__).parents[2] / "inputs"


def made(**sections):
    return check({"campaign": "glass"} | sections, GlassInput, "glass.toml")


SCRIPT = {"script": "my.in", "steps": 1000}


@pytest.mark.parametrize(
    "path",
    [*sorted(INPUTS.glob("cuzr*.toml")), INPUTS / "examples" / "aluminium_shear.toml"],
    ids=lambda path: path.name,
)
def test_the_inputs_that_ship_are_valid(path):
    assert load(path, GlassInput).frame_steps > 0


def test_steps_of_a_frame_are_its_strain_over_that_of_a_step():
    """0.5 in 100 frames at 0.002/ps and 5 fs: 2.5 ps, or 500 steps, a frame."""
    config = made()
    assert config.frame_steps == 500
    assert config.exact_frame_steps * config.shear.rate_per_ps * config.md.timestep_ps == pytest.approx(0.005)
    assert config.hold_steps == 50  # five samples, ten steps apart
    assert made(shear={"rate_per_ps": 0.004}).frame_steps == 250
    assert made(observe={"frames": 50}).frame_steps == 1000


def test_a_script_s_steps_are_shared_out_and_it_rests_as_it_will():
    config = made(md=SCRIPT, observe={"frames": 10})
    assert (config.frame_steps, config.hold_steps) == (100, 0)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"shear": {"rate_per_ps": 0.003}}, r"a frame would take 333\.333 steps .*must be a whole number"),
        ({"observe": {"curve_points": 7}}, r"curve_points = 7 does not divide the 500 steps"),
        ({"observe": {"samples": 51}}, r"51 samples every 10 steps take 501 steps, a frame has 500"),
        ({"observe": {"extra": {"density": "c_x"}}}, r"extra\.density: the name is taken"),
        ({"observe": {"extra": {"strain": "c_x"}}}, r"extra\.strain: the name is taken"),
        ({"observe": {"cutoff": 1.9}}, r"'observe\.cutoff' = 1\.9: must be greater than or equal to 2"),
        ({"observe": {"grid": [32, 3]}}, r"'observe\.grid\.1' = 3"),
        ({"md": {"temperature_K": 1300.0}}, r"temperature_K must be below liquid_K"),
        ({"md": {"modulus_strain": 0.021}}, r"'md\.modulus_strain' = 0\.021"),
        ({"md": {"modulus_ps": 0.19}}, r"modulus_ps = 0\.19: must be at least 40 steps, 0\.2 ps"),
        ({"md": {"steps": 10}}, r"steps go with 'script'"),
        ({"md": {"script": "my.in"}}, r"'script' needs 'steps'"),
        ({"md": SCRIPT | {"melt_K": 3000.0}}, r"the script decides; remove melt_K"),
        ({"md": SCRIPT, "shear": {}}, r"\[shear\] is for the built-in glass"),
        ({"md": SCRIPT, "calibrate": {}}, r"\[calibrate\] is for the built-in glass"),
        ({"md": SCRIPT, "observe": {"frames": 7}}, r"md\.steps = 1000 is not divided by observe\.frames = 7"),
        ({"calibrate": {"strains": [0.012]}}, r"0\.012 is none of the 100 frames up to .*= 0\.5"),
        ({"calibrate": {"strains": [0.505]}}, r"0\.505 is none of the 100 frames"),
        ({"calibrate": {"strains": [0.0]}}, r"0 is none of the 100 frames"),
        ({"calibrate": {"strains": [0.1, 0.1]}}, r"must increase"),
        ({"calibrate": {"c0": [0.1]}}, r"'calibrate\.c0' = \[0\.1\]"),
        ({"calibrate": {"predictor": "hope"}}, r"'calibrate\.predictor' = 'hope'"),
        ({"glass": {"anneal": "hope"}}, r"'glass\.anneal' = 'hope'"),
        ({"glass": {"anneal_K": 800.0}}, r"anneal_K mean nothing with anneal = 'none'"),
        ({"glass": {"anneal": "cyclic", "anneal_K": 800.0}}, r"anneal_K mean nothing with anneal = 'cyclic'"),
        ({"glass": {"anneal": "cyclic", "anneal_steps": 5000}}, r"a cycle takes 4000 steps"),
        (
            {"glass": {"anneal": "sgcmc"}, "checkpoint": {"every_steps": 300}},
            r"checkpoint.every_steps = 300 .* must both be at least 400",
        ),
        ({"glass": {"anneal": "sgcmc", "anneal_steps": 300}}, r"glass.anneal_steps = 300 .* at least 400"),
        ({"glass": {"anneal": "swap", "anneal_K": 1300.0}}, r"anneal_K = 1300 must lie between"),
        ({"ensemble": {"seeds": 0}}, r"'ensemble\.seeds' = 0"),
        ({"md": SCRIPT, "ensemble": {"seeds": 2}}, r"ensemble\.seeds is for the built-in glass"),
        ({"md": SCRIPT, "glass": {}}, r"\[glass\] is for the built-in glass"),
        ({"glass": {"stripe": {"height": 1.2}}}, r"'glass\.stripe\.height' = 1\.2"),
        ({"glass": {"stripe": {"centre": -0.1}}}, r"'glass\.stripe\.centre' = -0\.1"),
        ({"glass": {"stripe": {"height": 0.1}}}, r"the stripe would be 8\.5 Å of 85 Å high; at least 10 Å"),
        ({"glass": {"stripe": {"height": 0.95}}}, r"the rest of the glass would be 4\.3 Å"),
        ({"glass": {"stripe": {"melt_K": 90.0}}}, r"melt_K = 90 must be above md\.temperature_K = 100"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(sections, words):
    with pytest.raises(InputError, match=words) as caught:
        made(**sections)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sections",
    [
        {"observe": {"samples": 50}},  # 491 steps
        {"md": {"modulus_strain": 0.02}},
        {"md": {"modulus_ps": 0.2}},
        {"calibrate": {"strains": [0.005, 0.5]}},  # the first frame and the last
        {"observe": {"extra": {"csym": "c_csym"}}},
        {"glass": {"stripe": {"height": 0.12, "centre": 1.0}}},  # 10.2 Å, around the boundary
    ],
)
def test_what_just_fits_is_taken(sections):
    made(**sections)


def test_reserved_names_are_those_of_the_fields_that_are_always_there():
    from mdbridge.campaigns.glass import results
    from mdbridge.core.units import UNIT_STYLES

    always = set(results._fields(UNIT_STYLES["metal"], {})) - {"type_energy", "type_fraction"}
    assert always <= RESERVED
