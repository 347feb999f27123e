"""Tiny files of pairwise models in other programs' formats, and their energies by each format's definition.

Every oracle is written from the definition of the format, term by term, not from the package.
"""

import itertools
import math

import numpy as np

GSET = "4 4\n1 2 1\n1 3 -2\n2 4 3\n3 4\n"
BQ = "# a comment\n3 5\n1 1 -1\n1 2 3\n3 1 -2\n2 2 4\n3 3 0.5\n"
QUBO = "c a comment\np qubo 0 4 2 3\n0 0 -1\n2 2 2.5\nc another\n0 1 3\n0 2 -2\n2 3 1e-1\n"
DIMACS = "c a comment\np edge 4 4\ne 1 2 2\ne 2 3\ne 4 1 -1.5\ne 3 2 1\n"
COO = "# vartype=SPIN\n0 0 0.5\n0 3 -1.25\n3 3 1\n7 3 2\n7 7 -0.5\n"
UAI = """MARKOV
3
2 2 2
4
1 0
2 0 1
2 2 1
1 2

2
 0.3 0.7
4
 1 2
 3 4
4
 0.5 1.5
 2.5 3.5
2 6 1
"""
UAI3 = "MARKOV 3 3 3 3 3 1 1 2 0 2 2 2 0 3 1 2 3 9 1 2 3 4 5 6 7 8 9 9 .1 .2 .3 .4 .5 .6 .7 .8 .9"
NUMBERS = """J 0 1 0 0 0.5
J 0 1 0 1 -0.25
J 0 2 1 2 1.5
J 2 1 0 2 0.75
h 0 0 0.1
h 0 1 0.2
h 0 2 -0.3
h 1 0 0
h 1 1 0.5
h 1 2 0.25
h 2 0 -1
h 2 1 0
h 2 2 1e-2
"""
LETTERS = NUMBERS
for line in NUMBERS.splitlines():
    cells = line.split()
    for k in (3, 4) if cells[0] == "J" else (2,):
        cells[k] = "-AB"[int(cells[k])]
    LETTERS = LETTERS.replace(line + "\n", " ".join(cells) + "\n")
FIT = '"","thresholds","sad","tired","bored"\n"sad",-1,0,2,0\n"tired",-0.5,2,0,-1.5\n"bored",0.25,0,-1.5,0\n'
BOLTZMM = '"","bvec","V1","V2"\n"1",0.5,0,2\n"2",-0.125,2,0\n'
CONIII = "".join(f"{v!r}\n" for v in (0.1, 0.2, 0.3, 1.0, 0.0, -1.0))


def states(values, n):
    """All states of n units, (len(values)^n, n)."""
    return np.array(list(itertools.product(values, repeat=n)), float)


def numbers(text):
    return [line.split() for line in text.splitlines() if line and line[0] in "0123456789eJh"]


def gset(x):
    rows = numbers(GSET)[1:]
    cut = sum((float(r[2]) if len(r) > 2 else 1) * (x[int(r[0]) - 1] != x[int(r[1]) - 1]) for r in rows)
    return 3.0 - 2 * cut  # the weights' sum is 3: E = sum - 2 cut


def biqmac(x):
    Q = np.zeros((3, 3))
    for i, j, q in ((int(a) - 1, int(b) - 1, float(c)) for a, b, c in numbers(BQ)[1:]):
        Q[i, j] = Q[j, i] = q
    return x @ Q @ x


def qubo(x):
    return sum(float(v) * x[int(i)] * x[int(j)] for i, j, v in numbers(QUBO))


def dimacs(x):
    return 2 * x[0] * x[1] + x[1] * x[2] - 1.5 * x[3] * x[0]


def coordinates(x):
    s = dict(zip((0, 3, 7), x, strict=True))
    return sum(float(v) * (s[int(i)] * s[int(j)] if i != j else s[int(i)]) for i, j, v in numbers(COO))


def uai(x):
    a, b, c = (int(v) for v in x)
    p = (0.3, 0.7)[a] * ((1, 2), (3, 4))[a][b] * ((0.5, 1.5), (2.5, 3.5))[c][b] * (6, 1)[c]
    return -math.log(p)


def uai_of_three(x):
    a, b, c = (int(v) for v in x)
    p = (1, 2, 3)[b] * np.arange(1, 10).reshape(3, 3)[a, c] * (np.arange(1, 10) / 10).reshape(3, 3)[c, a]
    return -math.log(p)


def adabmdca(x):
    total = 0.0
    for row in numbers(NUMBERS):
        sites, letters = ((row[1], row[2]), (row[3], row[4])) if row[0] == "J" else ((row[1],), (row[2],))
        total += float(row[-1]) * all(x[int(i)] == int(a) for i, a in zip(sites, letters, strict=True))
    return -total


def isingfit(x):
    return x[0] + 0.5 * x[1] - 0.25 * x[2] - 2 * x[0] * x[1] + 1.5 * x[1] * x[2]


def boltzmm(x):
    M, b = np.array([[0, 2], [2, 0]]), np.array([0.5, -0.125])
    return -0.5 * x @ M @ x - b @ x


def coniii(x):
    return -(0.1 * x[0] + 0.2 * x[1] + 0.3 * x[2] + x[0] * x[1] - x[1] * x[2])


SPIN, BIT, THREE = (-1, 1), (0, 1), (0, 1, 2)
# Format, name of a file, its content, options of its reader, states of a unit, units, energy.
FILES = [
    ("gset", "a.mc", GSET, {}, SPIN, 4, gset),
    ("biqmac", "a.bq", BQ, {}, BIT, 3, biqmac),
    ("qubo", "a.qubo", QUBO, {}, BIT, 4, qubo),
    ("dimacs", "a.col", DIMACS, {}, SPIN, 4, dimacs),
    ("dimod-coo", "a.coo", COO, {}, SPIN, 3, coordinates),
    ("uai", "a.uai", UAI, {}, BIT, 3, uai),
    ("uai", "b.uai", UAI3, {}, THREE, 3, uai_of_three),
    ("adabmdca", "a.dat", NUMBERS, {}, THREE, 3, adabmdca),
    ("adabmdca", "b.dat", LETTERS, {"alphabet": "-AB"}, THREE, 3, adabmdca),
    ("isingfit", "a.csv", FIT, {}, BIT, 3, isingfit),
    ("isingfit", "b.csv", FIT, {"spins": True}, SPIN, 3, isingfit),
    ("boltzmm", "c.csv", BOLTZMM, {}, SPIN, 2, boltzmm),
    ("coniii", "a.coniii", CONIII, {}, SPIN, 3, coniii),
    ("coniii", "b.coniii", CONIII, {"spins": False}, BIT, 3, coniii),
]
