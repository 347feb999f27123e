"""Pairwise models in other programs' files: equal energies, round trips, damage in one line."""

import importlib
import json
import struct

import numpy as np
import pytest
from pairwise_files import BIT, FILES, FIT, SPIN, states
from test_interchange import FIXTURES

import ebm
from ebm import interchange
from ebm.errors import EbmError
from ebm.interchange import quadratic

IDS = [f"{name}-{file}" for name, file, *_ in FILES]
NAMES = sorted({name for name, *_ in FILES} | {"dimod", "dimod-json"})


def named(name, path, options):
    """The machine and the constant of its energy."""
    entry = interchange.formats()[name]
    if entry.named is not None:
        machine, _, offset = entry.named(path, **options)
        return machine, offset
    return entry.read(path, **options), 0.0


def written(tmp_path, k):
    path = tmp_path / FILES[k][1]
    path.write_text(FILES[k][2])
    return path


@pytest.mark.parametrize("k", range(len(FILES)), ids=IDS)
def test_energies_are_those_of_the_definition(tmp_path, k):
    name, _, _, options, values, n, energy = FILES[k]
    path = written(tmp_path, k)
    assert interchange.recognised(path).name == name
    machine, offset = named(name, path, options)
    x = states(values, n)
    assert np.allclose(machine.energy(x) + offset, [energy(row) for row in x], rtol=0, atol=1e-12)
    assert np.array_equal(interchange.read(path, **options).energy(x), machine.energy(x))


@pytest.mark.parametrize("k", range(len(FILES)), ids=IDS)
def test_what_is_written_is_read_again(tmp_path, k):
    name, file, _, options, values, n, energy = FILES[k]
    machine, offset = named(name, written(tmp_path, k), options)
    again = tmp_path / f"again.{file}"
    more = {"offset": offset} if offset else {}
    interchange.write(again, machine, name, **options, **more)
    assert interchange.recognised(again).name == name
    machine, offset = named(name, again, options)
    x = states(values, n)
    assert np.allclose(machine.energy(x) + offset, [energy(row) for row in x], rtol=0, atol=1e-12)


def machine_of(units, n=6, seed=0):
    J = ebm.BoltzmannMachine.random(units, n, scale=1.0, seed=seed, dtype="float64")
    J.params["b"][:] = np.linspace(-1, 2, n * units.width)
    J.project()
    return J


@pytest.mark.parametrize("name", ["dimod", "dimod-json", "dimod-coo", "biqmac", "qubo", "uai"])
@pytest.mark.parametrize("units", [ebm.Ising(), ebm.Bernoulli()], ids=str)
def test_spins_and_bits_become_each_other_with_a_constant(tmp_path, name, units):
    machine = machine_of(units)
    interchange.write(tmp_path / "x", machine, name, offset=1.5)
    again, offset = named(name, tmp_path / "x", {})
    x = states(units.states, 6)
    other = x if again.units == units else (x + 1) / 2
    assert np.allclose(again.energy(other) + offset, machine.energy(x) + 1.5, rtol=0, atol=1e-10)
    facts = interchange.formats()[name].facts(tmp_path / "x")
    assert facts["offset"] == offset


@pytest.mark.parametrize("name", ["isingfit", "boltzmm", "coniii"])
@pytest.mark.parametrize("units", [ebm.Ising(), ebm.Bernoulli()], ids=str)
def test_files_without_a_constant_keep_differences(tmp_path, name, units):
    machine = machine_of(units)
    interchange.write(tmp_path / "x", machine, name)
    again = interchange.read(tmp_path / "x", name)
    x = states(units.states, 6)
    other = x if again.units == units else (x + 1) / 2 if units == ebm.Ising() else 2 * x - 1
    change = again.energy(other) - machine.energy(x)
    assert np.ptp(change) < 1e-10


def test_hidden_units_are_units_like_others(tmp_path):
    rbm = ebm.RBM.random(ebm.Ising(), ebm.Bernoulli(), 3, 2, scale=1.0, dtype="float64")
    interchange.write(tmp_path / "x.bqm", rbm)
    again, offset = named("dimod", tmp_path / "x.bqm", {})
    v, h = states(SPIN, 3), states(BIT, 2)
    pairs = [(a, b) for a in v for b in h]
    x = np.array([np.r_[a, 2 * b - 1] for a, b in pairs])  # spins, all of them
    joint = rbm.energy(*(np.array(side) for side in zip(*pairs, strict=True)))
    assert np.allclose(again.energy(x) + offset, joint, rtol=0, atol=1e-12)


def test_a_coupling_of_bits_is_four_of_spins(tmp_path):
    (tmp_path / "x.csv").write_text(FIT)
    bits = interchange.read(tmp_path / "x.csv")
    interchange.write(tmp_path / "y.csv", bits, "isingfit", spins=True)
    spins = interchange.read(tmp_path / "y.csv", spins=True)
    assert np.allclose(spins.graph().J.toarray(), bits.graph().J.toarray() / 4)


def test_weights_and_thresholds_in_two_files(tmp_path):
    (tmp_path / "w.csv").write_text('"V1","V2"\n"1",0,2\n"2",2,0\n')  # a header one shorter: write.table
    (tmp_path / "t.csv").write_text('"","x"\n"1",-1\n"2",0.5\n')
    machine = interchange.read(tmp_path / "w.csv", "isingfit", thresholds=tmp_path / "t.csv")
    assert machine.energy([[1, 0], [0, 1], [1, 1]]).tolist() == [1, -0.5, -1.5]
    (tmp_path / "plain.csv").write_text("0,2\n2,0\n")
    (tmp_path / "row.csv").write_text("-1,0.5\n")
    machine = interchange.read(tmp_path / "plain.csv", "boltzmm", bvec=tmp_path / "row.csv")
    assert machine.energy([[1, -1]]).tolist() == [3.5]
    with pytest.raises(EbmError, match=r"no fields: .*thresholds=PATH"):
        interchange.read(tmp_path / "w.csv", "isingfit")


def test_an_orlib_program_is_maximised(tmp_path):
    (tmp_path / "x.sparse").write_text("2 2\n1 1 -1\n1 2 3\n")
    machine = interchange.read(tmp_path / "x.sparse", maximise=True)
    assert machine.energy([[1, 0], [1, 1]]).tolist() == [1, -5]


def test_chains_of_adabmdca(tmp_path):
    from ebm.interchange.adabmdca import read_chains, write_chains

    x = np.array([[0, 1, 4], [2, 2, 3]])
    write_chains(tmp_path / "c.fasta", x, "rna", log_weights=[-1.5, 0.5])
    assert (
        tmp_path / "c.fasta"
    ).read_text() == ">chain_0|log_weight=-1.5\n-AU\n>chain_1|log_weight=0.5\nCCG\n"
    again = read_chains(tmp_path / "c.fasta", "rna")
    assert np.array_equal(again.states, x)
    assert np.allclose(again.weights, np.exp([-2, 0]))
    (tmp_path / "d.fasta").write_text(">a|log_weight=1\nAC\n>b\nAC\n")
    with pytest.raises(EbmError, match="no log_weight"):
        read_chains(tmp_path / "d.fasta", "rna")


def test_letters_of_adabmdca_tell_the_alphabet(tmp_path):
    machine = machine_of(ebm.Potts(5), 3)
    interchange.write(tmp_path / "x.dat", machine, alphabet="rna")
    again = interchange.read(tmp_path / "x.dat")
    x = states(range(5), 3)
    assert np.allclose(again.energy(x), machine.energy(x), rtol=0, atol=1e-12)
    assert "J 0 1 - - " in (tmp_path / "x.dat").read_text()


def test_convert_keeps_names_and_the_constant(tmp_path):
    from click.testing import CliRunner

    from ebm.cli import main

    source, target = FIXTURES / "dimod.spins.bqm", tmp_path / "x.json"
    done = CliRunner().invoke(main, ["convert", str(source), str(target)])
    assert done.exit_code == 0, done.output
    there, again = interchange.read_named(source), interchange.read_named(target)
    assert again[1:] == there[1:]
    x = states(SPIN, 3)
    assert np.array_equal(again.machine.energy(x), there.machine.energy(x))
    said = CliRunner().invoke(main, ["info", str(target)]).output
    assert "2.5" in said
    assert "('b', 1)" in said
    with pytest.raises(EbmError, match="gset has neither names nor a constant"):
        interchange.read_named(written(tmp_path, 0))


def test_both_generations_of_adabmdca_are_one_model():
    letters, numbers = (
        interchange.read(FIXTURES / f"adabmdca.{kind}.dat") for kind in ("letters", "numbers")
    )
    x = states(range(5), 3)
    assert np.array_equal(letters.energy(x), numbers.energy(x))


def test_adabmdca_itself(tmp_path):
    io, statmech = pytest.importorskip("adabmDCA.io"), pytest.importorskip("adabmDCA.statmech")
    torch = pytest.importorskip("torch")
    from ebm.interchange.adabmdca import read_chains, write_chains

    def energies(file, load, x, **options):
        params = load(str(file), device=torch.device("cpu"), dtype=torch.float64, **options)
        rows = torch.nn.functional.one_hot(torch.tensor(x, dtype=torch.int64), 5).double()
        return statmech.compute_energy(rows, params).numpy()

    x = states(range(5), 3)
    theirs = interchange.read(FIXTURES / "adabmdca.letters.dat")
    there = energies(FIXTURES / "adabmdca.letters.dat", io.load_params, x, tokens="rna")
    assert np.allclose(theirs.energy(x), there, rtol=0, atol=1e-12)
    ours = machine_of(ebm.Potts(5), 3)
    interchange.write(tmp_path / "letters.dat", ours, alphabet="rna")
    interchange.write(tmp_path / "numbers.dat", ours)
    for name, load, options in (
        ("letters", io.load_params, {"tokens": "rna"}),
        ("numbers", io.load_params_oldformat, {}),
    ):
        assert np.allclose(
            energies(tmp_path / f"{name}.dat", load, x, **options), ours.energy(x), rtol=0, atol=1e-12
        )
    write_chains(tmp_path / "c.fasta", x[:4], "rna", log_weights=[0.0, 1, 2, 3])
    chains, weights = io.load_chains(str(tmp_path / "c.fasta"), "-ACGU", load_weights=True)
    assert np.array_equal(chains.argmax(-1).numpy(), x[:4])
    assert weights.tolist() == [0, 1, 2, 3]
    io.save_chains(str(tmp_path / "d.fasta"), x[:4].astype(int), "rna", log_weights=np.arange(4.0))
    family = read_chains(tmp_path / "d.fasta", "rna")
    assert np.array_equal(family.states, x[:4])
    assert np.allclose(family.weights, np.exp(np.arange(4.0) - 3))


def test_large_models_stay_sparse(tmp_path):
    n = 20000
    (tmp_path / "x.qubo").write_text(f"p qubo 0 {n} 1 2\n0 0 1\n0 1 3\n5 {n - 1} -2\n")
    machine = interchange.read(tmp_path / "x.qubo")
    assert machine.params["J"].size == 4
    interchange.write(tmp_path / "x.bqm", machine)
    assert interchange.read(tmp_path / "x.bqm").params["J"].size == 4


# Damage.

FOUR = "h 0 0 1\nh 0 1 1\nh 1 0 1\nh 1 1 0\n"


def content(k):
    """A file of each format: its name, options, bytes."""
    texts = [(name, options, text.encode()) for name, _, text, options, *_ in FILES]
    more = [
        (path.name.split(".")[0], {}, path.read_bytes())
        for path in sorted(FIXTURES.iterdir())
        if path.name.startswith("dimod")
    ]
    return (texts + more)[k]


def one_line_of(name, path, options):
    """What is said of a damaged file, or nothing where it is still a model."""
    try:
        machine = interchange.formats()[name].read(path, **options)
    except EbmError as error:
        return str(error)
    return "" if np.isfinite(machine.graph().b).all() else "not finite\n"


@pytest.mark.parametrize("k", range(len(FILES) + 7))
def test_damage_is_one_line(tmp_path, k):
    name, options, data = content(k)
    rng = np.random.default_rng(k)
    path = tmp_path / "x"
    refused = 0
    for _ in range(30):
        bad = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            at, how = int(rng.integers(len(bad))), rng.random()
            if how < 0.4:
                bad[at] = int(rng.choice(list(b"0123456789-. \nexJ,\x00\xff")))
            elif how < 0.6:
                del bad[at : at + int(rng.integers(1, 9))]
            elif how < 0.8:
                bad[at:at] = bad[at : at + int(rng.integers(1, 30))]
            else:
                bad = bad[: max(at, 1)]
        path.write_bytes(bad)
        said = one_line_of(name, path, options)
        assert "\n" not in said
        assert not said or str(path) in said or "alphabet" in said
        refused += bool(said)
    assert refused > 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("gset", "3 1\n1 1 2\n", "line 2: the edge 1 1: a self-loop"),
        ("gset", "3 2\n1 2 2\n", "line 2: ends after 1 edges"),
        ("biqmac", "2 2\n1 2 2\n2 1 3\n", "line 3: the entry 2 1: given before, line 2"),
        ("biqmac", "2 1\n1 3 2\n", "expected variables 1 to 2"),
        ("biqmac", "2 1\n1 1 2\n2 2 1\n", "one too many"),
        ("qubo", "p qubo 1 3 0 0\n", "the topology '1'"),
        ("qubo", "p qubo 0 3 0 1\n1 0 2\n", "the smaller one first"),
        ("qubo", "p qubo 0 3 0 1\n0 1 nan\n", "the entry is 'nan'"),
        ("qubo", "", "expected a line 'p qubo"),
        ("dimacs", "p edge 3 1\ne 1 1\n", "two different vertices"),
        ("dimacs", "p edge 3 2\ne 1 2 1\ne 2 1 3\n", "given before with another weight"),
        ("dimod-coo", "0 0 1\n", "vartype: the file does not say"),
        ("dimod-coo", "# vartype=SPINS\n0 0 1\n", "did you mean 'SPIN'"),
        ("dimod-coo", "# vartype=SPIN\n0 -1 1\n", "two numbers of variables from 0"),
        ("dimod-coo", "# vartype=SPIN\n", "0 units"),
        ("uai", "MARKOV 3 2 2 2 1 3 0 1 2 8 1 1 1 1 1 1 1 1", "factor 0 has 3 variables; expected pairs"),
        ("uai", "MARKOV 2 2 2 1 2 0 1\n4 1 2 0 4", "line 2: table 0: 0 for variable 0 in state 1"),
        ("uai", "MARKOV 2 2 3 1 1 0 2 1 2", "variable 1 has 3 states, 0 has 2"),
        ("uai", "BAYES 1 2 0", "expected MARKOV"),
        ("uai", "MARKOV 2 2 2 1 2 0 0 4 1 1 1 1", "variable 0 twice"),
        ("uai", "MARKOV 1000000 2", "the number of variables: '1000000'"),
        ("adabmdca", "h 0 0 1\nh 0 1 1\nJ 0 0 0 1 2\n", "couples site 0 to itself"),
        ("adabmdca", "h 0 0 1\nh 0 1 1\nh 1 0 1\n", "3 fields; expected 4"),
        ("adabmdca", "h 0 0 1\nh 0 0 1\n", "line 2: the field 0 0: given before"),
        ("adabmdca", "h 0 a 1\nh 0 b 1\n", "alphabet: the letters 'ab' are of none of protein, rna, dna"),
        ("adabmdca", f"{FOUR}J 0 1 0 0 1\nJ 1 0 0 0 1\n", "line 6: this coupling was"),
        ("adabmdca", "h 0 0 1\nh 0 1 1\nJ 0 5 0 0 1\n", "line 3: site 5 has no field"),
        ("isingfit", "thresholds,a,b\n1,0,2\n1,3,0\n", "2 and 3; expected a symmetric matrix"),
        ("isingfit", "thresholds,a,b\n1,1,2\n1,2,0\n", "couples unit 0"),
        ("isingfit", "thresholds,a,b\n1,0,NA\n1,2,0\n", "cell 3 is 'NA'"),
        ("isingfit", "thresholds,a,b\n1,0,2\n", "couplings 1 x 2; expected a square matrix"),
        ("boltzmm", "bvec,a,a\n1,0,2\n1,2,0\n", "names: 'a' comes twice"),
        ("coniii", "1\n2\n", "2 numbers; expected n"),
        ("coniii", "1\n2 3\n", "line 2: found '2 3'; expected one number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path, name, text, words):
    (tmp_path / "x").write_text(text)
    with pytest.raises(EbmError) as caught:
        interchange.read(tmp_path / "x", name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_machines_that_a_format_cannot_hold(tmp_path):
    potts, spins = machine_of(ebm.Potts(3), 2), machine_of(ebm.Ising())
    gaussian = ebm.RBM.random(ebm.Gaussian(), ebm.Bernoulli(), 3, 2, dtype="float64")
    for name in NAMES:
        other = spins if name == "adabmdca" else gaussian if name == "uai" else potts
        with pytest.raises(EbmError, match="expected") as caught:
            interchange.write(tmp_path / "x", other, name)
        assert "\n" not in str(caught.value)
    with pytest.raises(EbmError, match=r"unit 0 has the field -1; the weights of a cut have none"):
        interchange.write(tmp_path / "x.mc", spins)
    with pytest.raises(EbmError, match="no number of a table"):
        interchange.write(tmp_path / "x.uai", ebm.BoltzmannMachine(ebm.Bernoulli(), [[0, 800.0], [800.0, 0]]))
    with pytest.raises(EbmError, match="expected 6, one a unit"):
        interchange.write(tmp_path / "x.bqm", spins, names=["a"])


# dimod's files, and dimod itself.

MODELS = {"spins": (3, SPIN), "spins1": (3, SPIN), "bits": (5, BIT), "float32": (5, BIT)}


def energy_of(bqm, names, row):
    return bqm.energy(dict(zip(names, row.astype(int), strict=True)))


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("dimod*")), ids=lambda p: p.name)
def test_files_of_dimod_have_its_energies(path):
    dimod = pytest.importorskip("dimod")
    name = path.name.split(".")[0]
    machine, names, offset = interchange.read_named(path)
    if name == "dimod":
        bqm = dimod.BQM.from_file(path.read_bytes())
    elif name == "dimod-json":
        bqm = dimod.BQM.from_serializable(json.loads(path.read_text()))
    else:
        bqm = importlib.import_module("dimod.serialization.coo").loads(path.read_text())
    x = states(machine.units.states, machine.n_units)
    assert np.allclose(
        machine.energy(x) + offset, [energy_of(bqm, names, row) for row in x], rtol=0, atol=1e-12
    )
    assert set(names) == set(bqm.variables)


@pytest.mark.parametrize("units", [ebm.Ising(), ebm.Bernoulli()], ids=str)
def test_dimod_reads_what_we_write(tmp_path, units):
    dimod = pytest.importorskip("dimod")
    coo = importlib.import_module("dimod.serialization.coo")
    machine, names = machine_of(units, 4), ["a", ("b", 1), 0, 3.5]
    x = states(units.states, 4)
    for name in ("dimod", "dimod-json"):
        interchange.write(tmp_path / name, machine, name, names=names, offset=0.5)
    interchange.write(tmp_path / "coo", machine, "dimod-coo", names=[4, 2, 0, 9])
    with open(tmp_path / "dimod", "rb") as file:
        first = dimod.BQM.from_file(file)
    second = dimod.BQM.from_serializable(json.loads((tmp_path / "dimod-json").read_text()))
    third = coo.loads((tmp_path / "coo").read_text())
    for bqm, labels, offset in ((first, names, 0.5), (second, names, 0.5), (third, [4, 2, 0, 9], 0.0)):
        energies = [energy_of(bqm, labels, row) for row in x]
        assert np.allclose(energies, machine.energy(x) + offset, rtol=0, atol=1e-12)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_objects_of_dimod(vartype):
    dimod = pytest.importorskip("dimod")
    from ebm.interchange.dimod import from_dimod, to_dimod

    bqm = dimod.generators.gnp_random_bqm(6, 0.6, vartype, random_state=1)
    bqm.relabel_variables({0: "zero", 1: ("one", 1)})
    bqm.offset = 1.25
    there = from_dimod(bqm)
    x = states(there.machine.units.states, 6)
    energies = [energy_of(bqm, there.names, row) for row in x]
    assert np.allclose(there.machine.energy(x) + there.offset, energies, rtol=0, atol=1e-12)
    back = to_dimod(there)
    assert back.is_almost_equal(bqm)
    assert list(back.variables) == list(there.names)
    other = "BINARY" if vartype == "SPIN" else "SPIN"
    assert to_dimod(there, vartype=other).is_almost_equal(bqm.change_vartype(other, inplace=False))
    with pytest.raises(EbmError, match="0 units"):
        from_dimod(dimod.BQM("SPIN"))
    with pytest.raises(EbmError, match=r"expected a dimod\.BinaryQuadraticModel"):
        from_dimod(3)
    with pytest.raises(EbmError, match="bqm: a coefficient is NaN"):
        from_dimod(dimod.BQM({"a": float("nan")}, {}, 0.0, "SPIN"))


def test_a_binary_file_whose_places_lead_nowhere(tmp_path):
    """A place beyond the variables, or a coupling with one end, is refused and not followed."""
    data = (FIXTURES / "dimod.bits.bqm").read_bytes()
    start = 14 + struct.unpack("<I", data[10:14])[0]
    pairs = start + 8 + 5 * (4 + 8)  # int32 and float64, as its header says
    for at, value, words in (
        (pairs, 99, "a neighbour is variable 99"),
        (pairs, -7, "expected 0 to 4"),
        (pairs, 2, "expected a symmetric list"),
        (start + 8, 3, "the numbers of neighbours do not add up"),
    ):
        bad = bytearray(data)
        bad[at : at + 4] = struct.pack("<i", value)
        (tmp_path / "x.bqm").write_bytes(bad)
        with pytest.raises(EbmError, match=words):
            interchange.read(tmp_path / "x.bqm")


# networkx.


def test_graphs_with_parameters():
    nx = pytest.importorskip("networkx")
    from ebm.interchange.networkx import from_networkx, to_networkx

    graph = nx.MultiGraph()
    graph.add_node("alone", b=0.5)
    graph.add_node(("t", 1), b=-1.0)
    graph.add_edge("a", ("t", 1), J=2.0)
    graph.add_edge(("t", 1), "a", J=0.25)
    graph.add_edge("a", "a", J=3.0)
    spins = from_networkx(graph)
    assert spins.names == ("alone", ("t", 1), "a")
    assert spins.offset == -3.0
    x = states(SPIN, 3)
    energy = -0.5 * x[:, 0] + x[:, 1] - 2.25 * x[:, 1] * x[:, 2] - 3.0
    assert np.allclose(spins.machine.energy(x) + spins.offset, energy)
    bits = from_networkx(graph, units=ebm.Bernoulli())
    y = states(BIT, 3)
    energy = -0.5 * y[:, 0] + y[:, 1] - 2.25 * y[:, 1] * y[:, 2] - 3.0 * y[:, 2]
    assert np.allclose(bits.machine.energy(y) + bits.offset, energy)
    for one in (spins, bits):
        again = from_networkx(to_networkx(one, edge="weight", node="field"), edge="weight", node="field")
        assert again.names == one.names
        assert again.offset == one.offset
        assert again.machine.units == one.machine.units
        z = states(one.machine.units.states, 3)
        assert np.array_equal(again.machine.energy(z), one.machine.energy(z))


def test_graphs_that_say_too_little():
    nx = pytest.importorskip("networkx")
    from ebm.interchange.networkx import from_networkx

    graph = nx.path_graph(3)
    assert from_networkx(graph, edge=None).machine.energy([[1, 1, 1]]).tolist() == [-2]
    with pytest.raises(EbmError, match="edge 0, 1: no attribute 'J'"):
        from_networkx(graph)
    nx.set_edge_attributes(graph, "strong", "J")
    with pytest.raises(EbmError, match="edge 0, 1: J: 'strong'; expected a finite number"):
        from_networkx(graph)
    with pytest.raises(EbmError, match=r"to_undirected\(\)"):
        from_networkx(nx.DiGraph([(0, 1)]))
    with pytest.raises(EbmError, match=r"expected a networkx\.Graph"):
        from_networkx({0: 1})
    with pytest.raises(EbmError, match="0 units"):
        from_networkx(nx.Graph())


def test_a_name_comes_once():
    with pytest.raises(EbmError, match="'a' comes twice"):
        quadratic.of_machine(machine_of(ebm.Ising(), 2), "a test", names=["a", "a"])
