"""What is public and in no call of `calls`, by the reason."""

import ebm

WITHOUT = {
    "results: made by the package, not by its users": (
        "Forecast",
        "Health",
        "LogZGiven",
        "Maximum",
        "Samples",
        "Thermodynamics",
        "diagnostics.Agreement",
        "interchange.Format",
        "diagnostics.Beta",
        "diagnostics.RoundTrips",
        "diagnostics.Summary",
        "elimination.Marginals",
        "baselines.Independent",
        "baselines.ChowLiu",
        "datasets.Data",
        "datasets.LabelledData",
        "transforms.EffectiveCouplings",
        "transforms.Transformed",
    ),
    "protocols and bases: subclassed, not called": (
        "Carried",
        "Chains",
        "Constraint",
        "EstimatorOfLogZ",
        "Machine",
        "Memory",
        "Observable",
        "Optimiser",
        "Penalty",
        "Rule",
        "Sampler",
        "Units",
        "datasets.DataSet",
    ),
    "errors: raised, not called": ("Diverged", "EbmError", "InUse", "NotSupported", "TooLarge"),
    "inner parts, made by functions that are called here": (
        "Course",
        "elimination.Junction",
        "elimination.find_order",
        "tracked_log_z",
        "inverse.Couplings",
        "inverse.Learnt",
        "inverse.Network",
        "inverse.Bootstrap",
        "inverse.CrossValidated",
        "inverse.Selected",
        "inverse.Sparse",
        "inverse.Stable",
        "inverse.Structure",
    ),
    "takes machines one after the other, by no name: tests/test_transforms.py": ("transforms.merged",),
    "files of a format of others: tests/test_gset.py, test_mnist.py": (
        "datasets.read_gset",
        "datasets.read_idx",
    ),
    "lessons: tests/test_classroom.py": tuple(
        f"classroom.{name}" for name in ("Lesson", *ebm.classroom.LESSONS)
    ),
    "figures: tests/test_plots*.py": tuple(f"plots.{name}" for name in ebm.plots.__all__),
    "scikit-learn wants arguments stored as they are; checked in fit: tests/test_estimators.py": tuple(
        f"estimators.{name}" for name in ebm.estimators.__all__
    ),
    "laws, slow, whose arguments are checked by the parts: tests/test_testing.py": tuple(
        f"testing.{name}" for name in ebm.testing.__all__
    ),
}
