"""ebm: Boltzmann machines and their kin.

Sampling, learning, log Z and readouts, each held to exact enumeration. The public names are below; they are
imported when first used, so that ``import ebm`` itself loads nothing heavy.

Examples
--------
>>> import ebm
>>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), n_visible=6, n_hidden=4)
>>> round(float(ebm.log_z(machine)), 1)
6.9
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# The one list of what is public: the `__all__` of these modules, and the modules below. Type checkers follow
# the imports; at run time `_public` reads the same lines.
if TYPE_CHECKING:
    from ebm import baselines as baselines
    from ebm import classroom as classroom
    from ebm import datasets as datasets
    from ebm import diagnostics as diagnostics
    from ebm import elimination as elimination
    from ebm import estimators as estimators
    from ebm import interchange as interchange
    from ebm import inverse as inverse
    from ebm import plots as plots
    from ebm import testing as testing
    from ebm import transforms as transforms
    from ebm.boltzmann import *
    from ebm.checkpoint import *
    from ebm.checkup import *
    from ebm.conditional import *
    from ebm.deep import *
    from ebm.errors import *
    from ebm.gauges import *
    from ebm.graph import *
    from ebm.imputation import *
    from ebm.kernels.threads import *
    from ebm.learning import *
    from ebm.machine import *
    from ebm.maximum import *
    from ebm.network import *
    from ebm.optimisers import *
    from ebm.partition import *
    from ebm.penalties import *
    from ebm.rbm import *
    from ebm.samplers import *
    from ebm.scores import *
    from ebm.selection import *
    from ebm.series import *
    from ebm.stream import *
    from ebm.table import *
    from ebm.thermal import *
    from ebm.training import *
    from ebm.units import *


@functools.cache
def _public() -> dict[str, str]:
    """The module of each public name, and of each public module itself: from the sources, none imported."""
    import ast
    import re
    from pathlib import Path

    here = Path(__file__).parent
    lines = Path(__file__).read_text("utf-8")
    table = {name: f"ebm.{name}" for name in re.findall(r"^    from ebm import (\w+)", lines, re.M)}
    for name in re.findall(r"^    from ebm\.([\w.]+) import \*", lines, re.M):
        place = here.joinpath(*name.split("."))
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        listed = re.search(r"^__all__ = (\[.*?\])", source.read_text("utf-8"), re.M | re.S)
        assert listed is not None, source
        table |= dict.fromkeys(ast.literal_eval(listed[1]), f"ebm.{name}")
    return table


if not TYPE_CHECKING:  # to a type checker every name would exist

    def __getattr__(name: str) -> Any:
        places = _public()
        if name == "__all__":
            value = __dir__()
        elif (place := f"ebm.{name}") in places.values():
            value = importlib.import_module(place)
        elif name in places:
            value = getattr(importlib.import_module(places[name]), name)
        else:
            raise AttributeError(f"module 'ebm' has no attribute {name!r}")
        globals()[name] = value  # the next access does not come here
        return value


def __dir__() -> list[str]:
    return ["__version__", *sorted(_public())]
