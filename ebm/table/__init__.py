"""Tables of a user: columns of several kinds, with gaps, as rows of units and back.

A `Table` is a schema: which column is what, made from a DataFrame, a dict of columns, a structured array or
a text file. A `TableModel` is a machine with a schema: what it is asked and what it answers are in the user's
columns, labels and units.
"""

from ebm.table.model import TableModel
from ebm.table.schema import Table

__all__ = ["Table", "TableModel"]
