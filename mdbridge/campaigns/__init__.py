"""What a command does from a TOML file to figures: one folder a campaign."""

MODULES = {
    "fields": "fields.stages",
    "graphene": "peridynamics.stages",
    "peridynamics": "peridynamics.data_stages",
    "graphene-study": "graphene_study.stages",
    "glass": "glass.stages",
    "shear": "shear.stages",
    "calibrate": "calibrate.stages",
}
"""The ``campaign`` key of an input -> the module here that plans and runs it."""

ESTIMATES = {
    "fields": "fields.estimate",
    "graphene": "peridynamics.estimate",
    "peridynamics": "peridynamics.data_estimate",
    "graphene-study": "graphene_study.estimate",
    "glass": "glass.estimate",
    "shear": "shear.estimate",
    "calibrate": "calibrate.estimate",
}
"""The ``campaign`` key of an input -> the module here that says what a run would take."""
