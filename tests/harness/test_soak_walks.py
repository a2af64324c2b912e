"""A million random walks over page tables against the model, on the host (make soak): tests/host/test_walk.c.

The seed is another one each time; it is named, and SEED=... WALKS=... build/host/test_walk repeats the run.
"""

import os
import subprocess
import time

import pytest

import builds

WALKS = 1_000_000
SECONDS = 600


def test_soak_walks(harness):
    program = os.path.join(harness.build, "host", "test_walk")
    subprocess.run(builds.make(1, f"BUILD={harness.build}", program), check=True, stdout=subprocess.DEVNULL)
    seed = str(time.time_ns() | 1)
    env = dict(os.environ, WALKS=str(WALKS), SEED=seed, T="agrees_with_model")
    begin = time.monotonic()
    done = subprocess.run([program], env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    harness.results.remarks.append(f"{WALKS} walks, SEED={seed}, in {time.monotonic() - begin:.0f} s")
    if done.returncode:
        pytest.fail(f"SEED={seed}:\n{done.stdout}\n{done.stderr}", pytrace=False)
