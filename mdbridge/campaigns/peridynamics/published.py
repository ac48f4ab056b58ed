"""The tables of [You2022], to stand beside ours.  Errors are fractions, moduli in TPa, lengths in Å.

E_res_test is absolute; the paper does not give its unit.
"""

_TABLE_3_KEYS = ("M", "delta_A", "E_res_train", "E_u_train", "E_res_val", "E_u_val", "AvgE")


def _rows(*rows: tuple[float, ...]) -> list[dict[str, float]]:
    return [dict(zip(_TABLE_3_KEYS, row, strict=True)) for row in rows]


TABLE_3 = {
    "0K": _rows(
        (0, 12.5, 0.1391, 0.1754, 0.1631, 0.1449, 1.0),
        (5, 12.5, 0.1042, 0.1219, 0.1302, 0.0769, 0.6933),
        (10, 20.0, 0.0981, 0.1172, 0.1328, 0.0716, 0.6704),
        (15, 22.5, 0.0980, 0.1161, 0.1350, 0.0722, 0.6731),
        (20, 25.0, 0.0975, 0.1189, 0.1353, 0.0700, 0.6729),
    ),
    "300K": _rows(
        (0, 12.5, 0.1346, 0.3133, 0.2015, 0.1486, 1.0),
        (5, 12.5, 0.1050, 0.1380, 0.1783, 0.0966, 0.6784),
        (10, 20.0, 0.0979, 0.1332, 0.1811, 0.0908, 0.6549),
        (15, 20.0, 0.0982, 0.1316, 0.1808, 0.0888, 0.6505),
        (20, 25.0, 0.0981, 0.1336, 0.1834, 0.0923, 0.6609),
    ),
}

_TABLE_4_KEYS = (
    *("delta_A", "M", "alpha", "lambda_TPa", "mu_TPa", "E_TPa", "nu"),
    *("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test", "E_res_test"),
)
_TABLE_4_ROWS = {
    "0K": (20, 10, 2.8335, -0.4796, 0.7978, 0.91, -0.4297, 0.0981, 0.1172, 0.1328, 0.0716, 0.0675, 0.203),
    "300K": (20, 15, 2.5946, -0.4583, 0.7753, 0.9, -0.4196, 0.0982, 0.1316, 0.1808, 0.0888, 0.0921, 0.208),
}
TABLE_4 = {label: dict(zip(_TABLE_4_KEYS, row, strict=True)) for label, row in _TABLE_4_ROWS.items()}

_TABLE_5_KEYS = ("snr", *_TABLE_4_KEYS[2:])
TABLE_5 = [
    dict(zip(_TABLE_5_KEYS, row, strict=True))
    for row in (
        (0.1556, 2.5946, -0.4583, 0.7753, 0.90, -0.4196, 0.0982, 0.1316, 0.1808, 0.0888, 0.0921, 0.208),
        (0.0543, 2.5197, -0.4782, 0.7798, 0.87, -0.4422, 0.1452, 0.2827, 0.1834, 0.0982, 0.0928, 0.211),
        (0.0224, 1.9365, -0.3266, 0.6890, 0.95, -0.3106, 0.2764, 0.4886, 0.2373, 0.1754, 0.0795, 0.184),
    )
]

TABLE_6 = {
    "fine": {"E_res_val": 0.1619, "E_u_val": 0.0801, "E_u_test": 0.0844, "E_res_test": 2.95},
    "coarse": {"E_res_val": 0.1324, "E_u_val": 0.0929, "E_u_test": 0.0780, "E_res_test": 0.197},
}
