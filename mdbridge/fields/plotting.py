"""Fields on nodes in xarray: maps, and nodes that lie on a lattice as rows and columns.

``dataset.mdbridge`` of every :class:`xarray.Dataset`, from the first
:meth:`~.fieldset.FieldSet.to_xarray` on, or from ``import mdbridge.fields.plotting`` on for
what is read from a file: ``xarray.open_dataset("dataset.h5", group="train").mdbridge.map("u")``.
"""

from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray

from ..core import plots
from ..core.errors import InputError
from . import lattice

_COMPONENTS = ("axis", "component")
"""Dimensions of the components of a field."""


class Nodes:
    """What a dataset with the dimension ``node`` and the places ``nodes (node, axis)`` can do besides.

    Args:
        dataset: any; it is looked at when something is asked for.
    """

    def __init__(self, dataset: xarray.Dataset):
        self._dataset = dataset

    def grid(self) -> xarray.Dataset:
        """The dataset with the dimensions y and x in place of ``node``; NaN where the lattice has no node.

        Raises:
            InputError: the nodes lie on no lattice.
        """
        places = self._places()
        rows = lattice.arrange(places, None)
        if rows.scattered:
            raise InputError("the nodes lie on no lattice of rows and columns; 'map' shows them as points")
        ordered = self._dataset.drop_vars("nodes").isel(node=rows.order)
        # numbers of nodes say nothing of rows and columns
        ordered = ordered.drop_vars("node", errors="ignore")
        axes = {}
        for number, axis in enumerate("xy"):
            _, first, which = np.unique(rows.index[:, number], return_index=True, return_inverse=True)
            # of a row the place of one node: they must be equal to the last digit, and as they were given
            axes[axis] = ("node", places[rows.order][first, number][which])
        made = ordered.assign_coords(axes).set_index(node=["y", "x"]).unstack("node")
        for axis in "xy":
            made[axis].attrs.update(units=self._dataset["nodes"].attrs.get("units", ""), long_name=axis)
        return made

    def map(self, name: str, sample: int | str = 0, component: int | str = 0, axes: Any = None) -> Any:
        """Draw a component of a field of a sample over the plane.

        Args:
            name: of the field.
            sample: its number or its name, where the field has several samples.
            component: the same.
            axes: of matplotlib, into which to draw; those of a new figure if not given.

        Returns:
            The axes.

        Raises:
            InputError: there is no such field, sample or component, or it is no field on nodes.
        """
        dataset = self._dataset
        fields = [str(k) for k, array in dataset.data_vars.items() if "node" in array.dims and k != "nodes"]
        if name not in fields:
            raise InputError(f"map: {name!r} is no field on nodes; there is {', '.join(fields) or 'none'}")
        places, field = self._places(), dataset[name]
        said = [str(field.attrs.get("long_name", name))]
        for dim, which in (("sample", sample), *((dim, component) for dim in _COMPONENTS)):
            if dim in field.dims:
                field = _pick(field, dim, which)
                said.append(str(field[dim].item()) if dim in field.coords else f"{dim} {which}")
                # the places have all of the components
                field = field.drop_vars(dim, errors="ignore")
        if field.dims != ("node",):
            raise InputError(f"map: {name!r} is over {', '.join(map(str, field.dims))}; choose with 'isel'")
        axes = plots.shown() if axes is None else axes
        values = field.values.astype(np.float64)
        colours = _colours(values)
        if lattice.arrange(places, None).scattered:
            drawn = axes.scatter(*places.T, c=values, s=12, **colours)
        else:
            flat = Nodes(xarray.Dataset({name: field, "nodes": dataset["nodes"]})).grid()
            image = flat[name].transpose("y", "x").values
            drawn = axes.pcolormesh(flat["x"].values, flat["y"].values, image, shading="nearest", **colours)
        length = plots.unit(str(dataset["nodes"].attrs.get("units", "")))
        for axis in "xy":
            axes.set(**{f"{axis}label": _labelled(axis, length)})
        axes.set_title(", ".join(said))
        plots.bare(axes)
        unit = plots.unit(str(field.attrs.get("units", "")))
        axes.figure.colorbar(drawn, ax=axes, label=_labelled(name, unit))
        return axes

    def _places(self) -> NDArray[np.float64]:
        if "nodes" not in self._dataset or self._dataset["nodes"].dims != ("node", "axis"):
            raise InputError(
                "the dataset has no 'nodes' (node, axis): it is none of fields on nodes, as those of "
                "FieldSet.to_xarray and the groups of dataset.h5 are"
            )
        return np.asarray(self._dataset["nodes"].values, dtype=np.float64)


def _pick(array: xarray.DataArray, dim: str, which: int | str) -> xarray.DataArray:
    """An entry along a dimension, by its number or by its name."""
    try:
        return array.isel({dim: which}) if isinstance(which, int) else array.sel({dim: which})
    except (IndexError, KeyError) as error:
        there = array[dim].values.tolist() if dim in array.coords else range(array.sizes[dim])
        raise InputError(
            f"map: there is no {dim} {which!r}; there is {', '.join(map(str, there))}"
        ) from error


def _colours(values: NDArray[np.float64]) -> dict[str, Any]:
    """Colours about 0 for what has both signs."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < 0.0 < high:
        limit = max(-low, high)
        return {"cmap": plots.DIVERGING, "vmin": -limit, "vmax": limit}
    return {"cmap": plots.SEQUENTIAL, **plots.common_scale(values)}


def _labelled(name: str, unit: str) -> str:
    return name if unit in ("", "1", "none") else f"{name} ({unit})"


xarray.register_dataset_accessor("mdbridge")(Nodes)
