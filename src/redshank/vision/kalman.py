"""Where objects are and will be: one small Kalman filter per box coordinate, all objects at once.

A box is four numbers (centre x, centre y, width, height) in *picture heights*, and each follows the same two-state model: a
position and a speed that wanders about zero (an Ornstein-Uhlenbeck process, in tracking known as the Singer model with the
acceleration taken one order lower: R. A. Singer, IEEE Trans. AES-6, 1970). Two numbers with a meaning describe it: how
fast things usually move, in their own sizes per second, and for how long they keep a speed. They give the first guess of an
object's speed, the noise for *any* time step, and a prediction that comes to rest instead of running off when an object is not
seen for long. Everything is closed form; no matrix is inverted. Pure, no threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SMALLEST = 1e-3
"""No width or height falls below this, in picture heights."""


@dataclass(frozen=True, slots=True)
class MotionModel:
    """How things move. An object's size is the longer side of its box; all lengths are in that unit."""

    speed: float = 0.8
    """Usual speed of a centre, sizes per second (standard deviation)."""
    keeps_s: float = 4.0
    """How long a speed is kept (time constant)."""
    growth: float = 0.3
    """Usual speed of the width and the height, sizes per second."""
    growth_keeps_s: float = 0.5
    noise: float = 0.06
    """Error of a detector's box, each coordinate, in sizes (standard deviation)."""


class Filters:
    """The filters of all objects; row i of every array is object i. Not thread-safe."""

    def __init__(self, model: MotionModel) -> None:
        self._noise = model.noise
        self._speed = np.array([model.speed, model.speed, model.growth, model.growth])
        self._keeps = np.array([model.keeps_s, model.keeps_s, model.growth_keeps_s, model.growth_keeps_s])
        self.at: Floats = np.zeros((0, 4))
        """(n, 4): centre x, centre y, width, height, in picture heights."""
        self.speed: Floats = np.zeros((0, 4))
        """(n, 4): the same per second."""
        self._cov: Floats = np.zeros((0, 3, 4))
        """(n, [var position, covariance, var speed], 4)."""

        self._dt_s = 0.0
        self._step = _step(0.0, self._keeps)

    def __len__(self) -> int:
        return len(self.at)

    def add(self, measured: Floats) -> None:
        """Start one filter per row of `measured` (k, 4), after the existing ones."""
        size = _size(measured)
        cov = np.zeros((len(measured), 3, 4))
        cov[:, 0] = (self._noise * size) ** 2
        cov[:, 2] = (self._speed * size) ** 2
        self.at = np.concatenate([self.at, measured])
        self.speed = np.concatenate([self.speed, np.zeros_like(measured)])
        self._cov = np.concatenate([self._cov, cov])

    def keep(self, rows: list[int]) -> None:
        """Drop every filter whose index is not in `rows`; the rest take that order."""
        self.at, self.speed, self._cov = self.at[rows], self.speed[rows], self._cov[rows]

    def predict(self, dt_s: float) -> None:
        """Move all filters `dt_s` seconds on."""
        if dt_s <= 0 or not len(self.at):
            return
        if dt_s != self._dt_s:
            self._dt_s, self._step = dt_s, _step(dt_s, self._keeps)
        left, reach, drift, both_drift, rate_drift = self._step
        usual = (self._speed * _size(self.at)) ** 2
        place, both, rate = self._cov[:, 0], self._cov[:, 1], self._cov[:, 2]
        self.at = self.at + self.speed * reach
        self.at[:, 2:] = np.maximum(self.at[:, 2:], _SMALLEST)
        self.speed = self.speed * left
        place += reach * (2 * both + reach * rate) + usual * drift
        both[:] = left * (both + reach * rate) + usual * both_drift
        rate[:] = left**2 * rate + usual * rate_drift

    def correct(self, rows: list[int], measured: Floats) -> None:
        """Take in one measured box (k, 4) for each of the objects `rows`."""
        if not rows:
            return
        place, both, rate = self._cov[rows, 0], self._cov[rows, 1], self._cov[rows, 2]
        off = measured - self.at[rows]
        total = place + (self._noise * _size(measured)) ** 2
        gain, speed_gain = place / total, both / total
        self.at[rows] += gain * off
        self.at[rows, 2:] = np.maximum(self.at[rows, 2:], _SMALLEST)
        self.speed[rows] += speed_gain * off
        self._cov[rows] = np.stack([(1 - gain) * place, (1 - gain) * both, rate - speed_gain * both], axis=1)


def _size(boxes: Floats) -> Floats:
    """(n, 1): the longer side."""
    longer: Floats = boxes[:, 2:].max(axis=1, keepdims=True)
    return np.maximum(longer, _SMALLEST)


def _step(dt_s: float, keeps: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Of a speed after `dt_s`: the share left, the way made by 1, and the new variance of position, both, and speed, each for a
    usual speed of 1 (exact for the Ornstein-Uhlenbeck process)."""
    left = np.exp(-dt_s / keeps)
    drift = keeps**2 * np.maximum(2 * dt_s / keeps - 3 + 4 * left - left**2, 0)
    return left, keeps * (1 - left), drift, keeps * (1 - left) ** 2, 1 - left**2
