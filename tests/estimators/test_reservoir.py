"""Reservoir is an estimator as scikit-learn asks for; its readout is ridge regression of the liquid's states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikelet.estimators import Reservoir


@parametrize_with_checks([Reservoir(20)])
def test_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
