"""Vectors as values in compiled code: 16 lanes of float32 or int32, 8 of float64 or uint64.

LLVM's own vectoriser stops at 256 bits on most processors, gives up on loops over several arrays, and keeps
no array in registers. Here a vector is a numba type with the usual operators, so that a kernel says what
stays in registers and still reads as arithmetic. LLVM lowers a vector to what the processor has: one 512-bit
register, several smaller ones, or scalars; the arithmetic is the same.

An argument ``like`` is a scalar or a vector that says the element type. A scalar beside a vector is spread
over its lanes. A comparison gives a mask, which `select` takes and `bits` packs. Memory:
`ebm.kernels.numbers.memory`.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

_I1, _I32, _I64 = (ir.IntType(n) for n in (1, 32, 64))
_LLVM = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: _I32,
    types.uint64: _I64,
    types.boolean: _I1,
}
_LANES = {types.float32: 16, types.int32: 16, types.float64: 8, types.uint64: 8}


class Vector(types.Type):
    """The type of a vector: elements of one type, 512 bits of them; or a mask, as many bits as lanes."""

    def __init__(self, element, lanes):
        self.element, self.lanes = element, lanes
        super().__init__(name=f"Vector({element} x {lanes})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(_LLVM[fe_type.element], fe_type.lanes))


def vector_of(like):
    """The vector type of a scalar's or vector's kind; None if there is none."""
    if isinstance(like, Vector):
        return like
    return Vector(like, _LANES[like]) if like in _LANES else None


def spread(builder, scalar, lanes):
    """A scalar in every lane of a vector, as LLVM code."""
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))


def _as(context, builder, value, have, want):
    """A value of type `have` as a vector of type `want`."""
    if isinstance(have, Vector):
        return value
    return spread(builder, context.cast(builder, value, have, want.element), want.lanes)


# Operators.


def _common(a, b):
    vectors = [t for t in (a, b) if isinstance(t, Vector)]
    others = [t for t in (a, b) if not isinstance(t, Vector)]
    ok = (
        vectors and all(t == vectors[0] for t in vectors) and all(isinstance(t, types.Number) for t in others)
    )
    return vectors[0] if ok else None


def _binary(op, on_floats, on_integers, mask=False):
    @type_callable(op)
    def _typer(context):
        def typer(a, b):
            both = _common(a, b)
            known = both and (on_floats if isinstance(both.element, types.Float) else on_integers)
            return (Vector(types.boolean, both.lanes) if mask else both) if known else None

        return typer

    def lower(context, builder, signature, args):
        both = _common(*signature.args)
        a, b = (_as(context, builder, x, t, both) for x, t in zip(args, signature.args, strict=True))
        emit = on_floats if isinstance(both.element, types.Float) else on_integers
        return emit(builder, a, b)

    for pair in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(op, *pair)(lower)


def _compare(sign):
    return lambda b, x, y: b.fcmp_ordered(sign, x, y), lambda b, x, y: b.icmp_unsigned(sign, x, y)


_FUSE = ("contract",)  # a product and a sum may become one fused instruction
_binary(operator.add, lambda b, x, y: b.fadd(x, y, flags=_FUSE), lambda b, x, y: b.add(x, y))
_binary(operator.sub, lambda b, x, y: b.fsub(x, y, flags=_FUSE), lambda b, x, y: b.sub(x, y))
_binary(operator.mul, lambda b, x, y: b.fmul(x, y, flags=_FUSE), lambda b, x, y: b.mul(x, y))
_binary(operator.truediv, lambda b, x, y: b.fdiv(x, y), None)
_binary(operator.and_, None, lambda b, x, y: b.and_(x, y))
_binary(operator.or_, None, lambda b, x, y: b.or_(x, y))
_binary(operator.xor, None, lambda b, x, y: b.xor(x, y))
_binary(operator.lshift, None, lambda b, x, y: b.shl(x, y))
_binary(operator.rshift, None, lambda b, x, y: b.lshr(x, y))
for _op, _sign in ((operator.gt, ">"), (operator.lt, "<"), (operator.eq, "==")):
    _on_floats, _on_integers = _compare(_sign)
    _binary(_op, _on_floats, _on_integers, mask=True)


def _llvm(builder, name, kind, *args):
    """Call LLVM's own function ``name`` of one float type, vector or scalar."""
    element = kind.element if isinstance(kind, ir.VectorType) else kind
    count = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
    suffix = f"{count}f{32 if element == _LLVM[types.float32] else 64}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * len(args)), f"llvm.{name}.{suffix}"
    )
    return builder.call(function, args)


# Arithmetic.


@intrinsic
def splat(typingctx, x):
    """A vector with x in every lane."""
    kind = vector_of(x)

    def codegen(context, builder, signature, args):
        return spread(builder, args[0], kind.lanes)

    return kind(x), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a b + c, rounded once; a or b may be a scalar."""
    kind = c

    def codegen(context, builder, signature, args):
        x = [_as(context, builder, v, t, kind) for v, t in zip(args, signature.args, strict=True)]
        return _llvm(builder, "fma", x[2].type, *x)

    return kind(a, b, c), codegen


@intrinsic
def floor(typingctx, x):
    """The largest integer not above x, of a scalar or lane by lane."""

    def codegen(context, builder, signature, args):
        return _llvm(builder, "floor", args[0].type, args[0])

    return x(x), codegen


@intrinsic
def clamp(typingctx, x, low, high):
    """x, a scalar or a vector, kept between two scalars."""

    def codegen(context, builder, signature, args):
        def bound(value, have):
            return (
                _as(context, builder, value, have, x)
                if isinstance(x, Vector)
                else context.cast(builder, value, have, x)
            )

        value, least, most = args[0], bound(args[1], low), bound(args[2], high)
        value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
        return builder.select(builder.fcmp_ordered("<", value, most), value, most)

    return x(x, low, high), codegen


@intrinsic
def select(typingctx, mask, a, b):
    """A where the mask is set, else b; one of them may be a scalar."""
    kind = _common(a, b)

    def codegen(context, builder, signature, args):
        x = [_as(context, builder, v, t, kind) for v, t in zip(args[1:], signature.args[1:], strict=True)]
        return builder.select(args[0], *x)

    return kind(mask, a, b), codegen


@intrinsic
def bits(typingctx, mask):
    """The mask as the low bits of an uint64, lane 0 the lowest."""

    def codegen(context, builder, signature, args):
        return builder.zext(builder.bitcast(args[0], ir.IntType(mask.lanes)), _I64)

    return types.uint64(mask), codegen


@intrinsic
def mask_of(typingctx, word, like):
    """The mask of the low bits of an uint64, for vectors such as `like`."""
    lanes = vector_of(like).lanes

    def codegen(context, builder, signature, args):
        low = builder.trunc(args[0], ir.IntType(lanes))
        return builder.bitcast(low, ir.VectorType(_I1, lanes))

    return Vector(types.boolean, lanes)(types.uint64, like), codegen


def _fold(x, combine):
    """The signature and code that combine halves of a vector until one number is left."""

    def codegen(context, builder, signature, args):
        value, n = args[0], x.lanes
        while n > 1:
            n //= 2
            parts = [
                builder.shuffle_vector(
                    value, value, ir.Constant(ir.VectorType(_I32, n), list(range(s, s + n)))
                )
                for s in (0, n)
            ]
            value = combine(builder, *parts)
        return builder.extract_element(value, ir.Constant(_I32, 0))

    return x.element(x), codegen


@intrinsic
def total_of(typingctx, x):
    """The sum of all lanes."""
    return _fold(x, lambda builder, a, b: builder.fadd(a, b))


@intrinsic
def greatest_of(typingctx, x):
    """The greatest of all lanes."""
    return _fold(x, lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


@intrinsic
def product_of(typingctx, x):
    """The product of all lanes."""
    return _fold(x, lambda builder, a, b: builder.fmul(a, b))


def _on_word(name, extra=()):
    def typer(typingctx, word):
        def codegen(context, builder, signature, args):
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(_I64, [_I64, *(k.type for k in extra)]), f"llvm.{name}.i64"
            )
            return builder.call(function, [args[0], *extra])

        return types.int64(types.uint64), codegen

    return typer


@intrinsic
def count_bits(typingctx, word):
    """How many bits of an uint64 are set."""
    return _on_word("ctpop")(typingctx, word)


@intrinsic
def lowest_bit(typingctx, word):
    """The place of the lowest bit of an uint64 that is set; word is not 0."""
    return _on_word("cttz", (ir.Constant(_I1, 1),))(typingctx, word)


@intrinsic
def lanes_of(typingctx, x):
    """How many lanes a vector has."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_I64, x.lanes)

    return types.int64(x), codegen


@intrinsic
def lanes(typingctx, like):
    """The vector 0, 1, 2, ... of integers."""
    kind = vector_of(like)

    def codegen(context, builder, signature, args):
        return ir.Constant(context.get_value_type(kind), list(range(kind.lanes)))

    return kind(like), codegen


# Conversions.


@intrinsic
def power_of_two(typingctx, n):
    """2^n for integers stored as floats, a scalar or a vector, by writing n into the exponent."""
    wide = getattr(n, "element", n) == types.float64

    def codegen(context, builder, signature, args):
        integer, shift, bias = (_I64, 52, 1023) if wide else (_I32, 23, 127)
        many = isinstance(n, Vector)
        kind = ir.VectorType(integer, n.lanes) if many else integer
        constant = lambda c: ir.Constant(kind, [c] * n.lanes if many else c)  # noqa: E731
        k = builder.add(builder.fptosi(args[0], kind), constant(bias))
        return builder.bitcast(builder.shl(k, constant(shift)), args[0].type)

    return n(n), codegen


@intrinsic
def exponent(typingctx, x):
    """The integer n, as a float, for which x / 2^n lies in [sqrt(1/2), sqrt(2)): x positive and normal."""
    integer, mantissa, half = (
        (_I64, 52, 0x3FE6A09E667F3BCD) if x.element == types.float64 else (_I32, 23, 0x3F3504F3)
    )

    def codegen(context, builder, signature, args):
        kind = ir.VectorType(integer, x.lanes)
        constant = lambda c: ir.Constant(kind, [c] * x.lanes)  # noqa: E731
        n = builder.ashr(builder.sub(builder.bitcast(args[0], kind), constant(half)), constant(mantissa))
        return builder.sitofp(n, args[0].type)

    return x(x), codegen


@intrinsic
def low_words(typingctx, a, b):
    """The low 32 bits of two uint64 vectors, as one int32 vector."""
    kind = Vector(types.int32, 16)

    def codegen(context, builder, signature, args):
        half = ir.VectorType(_I32, 8)
        x, y = (builder.trunc(v, half) for v in args)
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(_I32, 16), list(range(16))))

    return kind(a, b), codegen


@intrinsic
def as_float(typingctx, x):
    """Integers as floats of the same width: int32 to float32, uint64 below 2^63 to float64."""
    kind = Vector(types.float64 if x.element == types.uint64 else types.float32, x.lanes)

    def codegen(context, builder, signature, args):
        return builder.sitofp(args[0], context.get_value_type(kind))

    return kind(x), codegen
