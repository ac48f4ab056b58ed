"""Lost atoms and numbers that are none stop a run; atoms that come and go by the script do not."""

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation

from mdbridge.core.errors import ObserverError
from mdbridge.md.observe.guard import LossGuard
from mdbridge.md.observe.schedule import every

OPEN = CRYSTAL.replace("units lj", "units lj\n    boundary p p f")


def test_lost_atoms_stop_the_run_unless_the_script_lets_them_go():
    for guard, stops in ((LossGuard(), True), (LossGuard(may_lose=True), False)):
        leaving = "velocity all set NULL NULL 30.0 sum yes\nfix motion all nve\n"
        leaving += "thermo_modify lost ignore\nthermo 1000"
        with simulation(OPEN, leaving) as session:
            session.attach(guard, every(1))
            if stops:
                with pytest.raises(ObserverError, match="atoms lost at step"):
                    session.run(100)
            else:
                session.run(100)


def test_a_number_that_is_none_stops_the_run():
    with simulation(CRYSTAL, "fix motion all nve") as session:
        session.attach(LossGuard(), every(1))
        session.run(5)
        session.atoms().array("v")[3] = np.nan
        with pytest.raises(Exception, match=r"not a finite number|[Nn]on-numeric"):
            session.run(5)


def test_atoms_that_are_deposited_and_evaporated_are_not_lost():
    coming = """
        region top block 0 5 0 4 1 2
        delete_atoms region top
        fix motion all nve
        fix rain all deposit 5 1 20 4711 region top near 0.7
        fix steam all evaporate 10 1 top 4711
        """
    with simulation(CRYSTAL, coming) as session:
        session.attach(LossGuard(), every(1))
        session.run(100)
