"""Units of a fit: node spacings near five and moduli near one, whatever the solid and its size.

The equations have no scale of their own, but an optimiser's tolerances, starts and bounds have.  Data are
learned in units in which they look like graphene's on 5 Å nodes in TPa, and the model is taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...fields.fieldset import FieldSet
from ..material import LinearPeridynamicSolid
from ..stability import Certificate, PairCertificate
from .regression import Fit

Array = NDArray[np.float64]

_SPACING = 5.0
_MODULUS = 0.7
_NEAR = 10.0  # a fit's tolerances do well within this factor of its own units


def _unless_near(factor: float) -> float:
    return 1.0 if 1 / _NEAR <= factor <= _NEAR else factor


@dataclass(frozen=True)
class Scale:
    """The units of a fit.

    Attributes:
        length: in Å.
        modulus: in TPa.
    """

    length: float
    modulus: float

    @classmethod
    def of(cls, fields: Sequence[FieldSet], shear: float) -> "Scale":
        """Å and TPa where they suit, else those in which nodes are 5 apart and ``shear`` is 0.7.

        The problem has many local minima, and which of them the starts find depends on the last digits: the
        scale of atoms is left as it is, so that a model does not change with its data's fourth digit.
        """
        length = float(np.sqrt(np.prod(fields[0].spacing))) / _SPACING
        return cls(_unless_near(length), _unless_near(abs(shear) / _MODULUS or 1.0))

    def fields(self, fields: FieldSet) -> FieldSet:
        """Samples in these units, each of a displacement of up to one."""
        # a rigid motion means nothing either; waves of a grid are told apart from it anyway
        u = fields.u if fields.shape is not None else fields.deformation
        size = np.abs(u).max(axis=(1, 2), initial=0.0)
        size = np.where(size > 0, size, 1.0)[:, None, None]
        # a sample's own size means nothing, and its squares must not vanish
        u = u / size
        b = fields.b / size * (self.length**2 / self.modulus)
        nodes, box, spacing = (each / self.length for each in (fields.nodes, fields.box, fields.spacing))
        return replace(fields, nodes=nodes, box=box, spacing=spacing, u=u, b=b)

    def all_fields(self, fields: Mapping[str, FieldSet]) -> dict[str, FieldSet]:
        """Several sets by name."""
        return {name: self.fields(field_set) for name, field_set in fields.items()}

    def enlarged(self, material: LinearPeridynamicSolid) -> LinearPeridynamicSolid:
        """A model that was learned in these units, in Å and TPa."""
        return self._converted(material, self.length, self.modulus)

    def reduced(self, material: LinearPeridynamicSolid) -> LinearPeridynamicSolid:
        """The inverse of :meth:`enlarged`."""
        return self._converted(material, 1 / self.length, 1 / self.modulus)

    def fit(self, fit: Fit) -> Fit:
        """A fit in these units, in Å and TPa."""
        return replace(
            fit,
            material=self.enlarged(fit.material),
            certificates=[self.certificate(certificate) for certificate in fit.certificates],
        )

    def certificate(self, of: Certificate | PairCertificate) -> Certificate | PairCertificate:
        """A certificate of a model in these units, in Å and TPa."""
        spacing = (of.spacing[0] * self.length, of.spacing[1] * self.length)
        if isinstance(of, PairCertificate):
            return replace(of, spacing=spacing, min_operator=of.min_operator * self.modulus)
        return replace(of, spacing=spacing)

    @staticmethod
    def _converted(material: LinearPeridynamicSolid, length: float, modulus: float) -> LinearPeridynamicSolid:
        influence, own = material.influence, material.own_dilatation
        return replace(
            material,
            influence=influence.resized(influence.horizon * length),
            own_dilatation=None if own is None else own.resized(own.horizon * length),
            lame_lambda=material.lame_lambda * modulus,
            lame_mu=material.lame_mu * modulus,
        )
