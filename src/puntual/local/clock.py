"""The clocks of a machine, which are the same wherever a run is carried out."""

from puntual.runner.clock import FixedClock as FixedClock
from puntual.runner.clock import SystemClock as SystemClock
