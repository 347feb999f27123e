"""Memory for vectors: addressed by integers, ``address(array) + bytes``.

Nothing is checked and nothing assumed about aliasing or alignment. `load` and `store` move vectors
(`ebm.kernels.numbers.vector`), `peek` and `poke` scalars.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from ebm.kernels import JIT
from ebm.kernels.numbers.vector import spread, vector_of

_SPACE = 1
_I1, _I32, _I64 = (ir.IntType(n) for n in (1, 32, 64))


@njit(inline="always", **JIT)
def address(array):
    """The address of an array's first element."""
    return array.ctypes.data


@njit(**JIT)
def workspace(n_bytes):
    """An array of at least n_bytes, and the address in it that is a multiple of 64."""
    raw = np.empty(n_bytes // 8 + 8, np.float64)
    return raw, (address(raw) + 63) // 64 * 64


def _pointer(builder, address, kind):
    # Address space 1 is the same memory, but there LLVM does not take address 0 for unusable. In space 0 its
    # code generator may write an address a + b as `gep(inttoptr a), b`; numba links functions after that step
    # and optimises them again, and where a is 0 (an offset on its first turn) the access, now based on null,
    # is deleted: code from the disk cache differed from freshly compiled code.
    return builder.inttoptr(address, kind.as_pointer(_SPACE))


def _read(kind, like, align):
    def codegen(context, builder, signature, args):
        return builder.load(_pointer(builder, args[0], context.get_value_type(kind)), align=align)

    return kind(types.int64, like), codegen


def _write(x, align):
    def codegen(context, builder, signature, args):
        builder.store(args[1], _pointer(builder, args[0], args[1].type), align=align)
        return context.get_dummy_value()

    return types.void(types.int64, x), codegen


@intrinsic
def load(typingctx, p, like):
    """The vector at address p; it may lie anywhere."""
    return _read(vector_of(like), like, 4)


@intrinsic
def store(typingctx, p, x):
    """Write the vector x to address p."""
    return _write(x, 4)


@intrinsic
def peek(typingctx, p, like):
    """The scalar at address p."""
    return _read(like, like, 1)


@intrinsic
def poke(typingctx, p, x):
    """Write the scalar x to address p."""
    return _write(x, 1)


@intrinsic
def gather(typingctx, p, places, like):
    """The elements number places[l] of an array at p; int32 places for float32, uint64 for float64."""
    kind = vector_of(like)

    def codegen(context, builder, signature, args):
        vector = context.get_value_type(kind)
        wide, size = ir.VectorType(_I64, kind.lanes), ir.Constant(_I64, 64 // kind.lanes)
        index = builder.zext(args[1], wide) if kind.lanes == 16 else args[1]
        offsets = builder.mul(index, spread(builder, size, kind.lanes))
        addresses = builder.add(spread(builder, args[0], kind.lanes), offsets)
        pointers = builder.inttoptr(addresses, ir.VectorType(vector.element.as_pointer(_SPACE), kind.lanes))
        name = f"llvm.masked.gather.v{kind.lanes}f{512 // kind.lanes}.v{kind.lanes}p{_SPACE}"
        mask = ir.Constant(ir.VectorType(_I1, kind.lanes), [1] * kind.lanes)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [pointers.type, _I32, mask.type, vector]), name
        )
        rest = ir.Constant(vector, ir.Undefined)
        return builder.call(function, [pointers, ir.Constant(_I32, 4), mask, rest])

    return kind(types.int64, places, like), codegen


@intrinsic
def transpose_block(typingctx, p, stride, q, other_stride, like):
    """Transpose a square block, as many vectors as a vector has lanes, from rows at p to rows at q.

    Strides are in bytes. Halves of pairs of rows change places, then quarters, and so on.
    """
    kind = vector_of(like)

    def codegen(context, builder, signature, args):
        source, step, target, other_step, _ = args
        vector, n = context.get_value_type(kind), kind.lanes
        at = lambda base, stride, i: builder.add(base, builder.mul(stride, ir.Constant(_I64, i)))  # noqa: E731
        rows = [builder.load(_pointer(builder, at(source, step, i), vector), align=4) for i in range(n)]
        s = n // 2
        while s:
            upper = ir.Constant(ir.VectorType(_I32, n), [n + l - s if l & s else l for l in range(n)])
            lower = ir.Constant(ir.VectorType(_I32, n), [n + l if l & s else l + s for l in range(n)])
            for i in range(n):
                if not i & s:
                    a, b = rows[i], rows[i + s]
                    rows[i], rows[i + s] = (
                        builder.shuffle_vector(a, b, upper),
                        builder.shuffle_vector(a, b, lower),
                    )
            s //= 2
        for i, row in enumerate(rows):
            builder.store(row, _pointer(builder, at(target, other_step, i), vector), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64, like), codegen
