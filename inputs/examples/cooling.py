"""A program with files, as simulators are: a cup of tea cools, with radiation. It stands for yours."""

import csv
import json
import sys
from pathlib import Path


def main(source, target):
    """Read the input, step through the minutes, write a table."""
    with Path(source).open() as stream:
        given = json.load(stream)
    if 10.0 * given["conductance"] > 0.05 * given["capacity"]:
        sys.exit("conductance: too large for steps of ten seconds")  # the trial is recorded with this
    temperature, rows = given["start"], []
    for step in range(6 * given["minutes"] + 1):
        rows.append((step / 6, temperature))
        warmer = temperature - given["surroundings"]
        temperature -= 10.0 * given["conductance"] * warmer * (1.0 + 0.002 * warmer) / given["capacity"]
    with Path(target).open("w", newline="") as stream:
        csv.writer(stream).writerows([("time (min)", "temperature (degrees C)"), *rows])


main(*sys.argv[1:])
