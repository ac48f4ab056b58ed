"""Baselines beside every model, and the steps from the paper to ours: each cell is of the record."""

from study_records import KEYS, record

from mdbridge.campaigns.graphene_study import worth_tables
from mdbridge.campaigns.graphene_study.worth import STEPS
from mdbridge.campaigns.peridynamics.baselines import TITLES
from mdbridge.campaigns.peridynamics.published import TABLE_4

ERRORS = (*KEYS, "E_u_test")


def rows_of(section):
    """Cells of a section's table, without its heads."""
    lines = [line for line in section(record()).splitlines() if line.startswith("| ")]
    heads, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {len(heads)}
    return rows


def numbers(errors):
    return [f"{100 * errors[key]:.2f} %" for key in ERRORS]


def test_baselines_stand_beside_the_model_on_each_set_of_data():
    table, results = rows_of(worth_tables.baselines_of), record()["results"]
    titles = {"0K": "0 K", "300K-published": "300 K, ι as published", "300K": "300 K, longer filter"}
    for label, title in titles.items():
        rows = {row[1]: row[2:] for row in table if row[0] == title}
        assert rows["learned"] == numbers(results[f"table4-{label}"]["errors"])
        for name, words in TITLES.items():
            assert rows[words] == numbers(results[f"baselines-{label}"][name])
        assert len(rows) == 5
    learned = {row[0]: row[2:] for row in table if row[1] == "learned"}
    assert learned["300 K, no twin, longer filter"] == numbers(results["seed-300K-no-twin"]["errors"])


def test_each_step_from_the_paper_is_a_line_and_classical_elasticity_two():
    table, results = rows_of(worth_tables.waterfall), record()["results"]
    assert table[0][1:] == [*numbers(TABLE_4["0K"]), "0.91", "-0.4297"]
    assert len(table) == 1 + len(STEPS) + 2
    ours = [row for row in table[1:] if "classical" not in row[0]]
    for row, name in zip(ours, STEPS, strict=True):
        assert row[1:6] == numbers(results[f"waterfall-{name}"]["errors"])
    # where the data change, the line of the data before stands above
    places = [number for number, row in enumerate(table) if "classical" in row[0]]
    assert places == [4, len(table) - 1]
    for place, label in zip(places, ("0K-loud", "0K"), strict=True):
        assert table[place][1:6] == numbers(results[f"baselines-{label}"]["classical"])
        # 4 · 0.7 · 0.5/1.2 and −0.2/1.2
        assert table[place][6:] == ["1.1667", "-0.1667"]
