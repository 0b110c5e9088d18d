"""SpikingClassifier and SpikingRegressor are estimators as scikit-learn asks for, and learn."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

import spikelet as sl
from spikelet.estimators import SpikingClassifier, SpikingRegressor


@parametrize_with_checks(
    [SpikingClassifier((20,), steps=4, epochs=10), SpikingRegressor((20,), steps=4, epochs=10)]
)
def test_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
