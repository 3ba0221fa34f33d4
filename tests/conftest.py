"""Set how property tests look for counterexamples, and that what tests start hears Ctrl-C."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile

from hypothesis import HealthCheck, settings

# No deadline and no complaint about slowness: a time limit in a test measures the machine.
settings.register_profile(
    "default",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# The same examples on every run, so that a change is not refused for what it did not touch.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.register_profile("fuzz", settings.get_profile("default"), max_examples=50_000)

# Where a CI is detected, hypothesis would load a profile of its own; ours is chosen here, and
# --hypothesis-profile (make PROFILE=...) overrides it.
settings.load_profile("default")

# Journals to be had by any test.
pytest_plugins = ["stores"]

# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a user has read of a journal is remembered in a folder of the user; tests have their own.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
