"""The reference for the SK instance: long tempering runs from independent seeds.

python -m experiments.log-z.reference
"""

import math

import numpy as np

import ebm
from ebm.partition.tempered import recorded, tempered_estimates

from .systems import glass


def main() -> None:
    machine, values = glass(), []
    for seed in range(4):
        run = recorded(machine, ebm.Tempering(n_adapt=4000), 256, ebm.Stream(seed), stride=20)
        run.run(250)
        found = tempered_estimates(run, ("mbar",))["mbar"]
        values.append((found.value, found.stderr))
        print(
            f"seed {seed}: {found.value:.4f} ± {found.stderr:.4f} {found.trouble or found.facts}", flush=True
        )
    value, stderr = np.array(values).T
    spread = value.std(ddof=1) / math.sqrt(len(value))
    ladders = math.hypot(*stderr) / len(value)
    print(f"mean {value.mean():.4f}; the spread of seeds gives ± {spread:.4f}, the ladders ± {ladders:.4f}")


if __name__ == "__main__":
    main()
