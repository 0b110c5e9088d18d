"""Functions of one value z: expressions of C with the operations of `cpp/src/layers/activation.hpp`, in their order."""

from __future__ import annotations

__all__ = ["FUNCTIONS"]

FUNCTIONS = {
    "abs": "magnitude_of(z)",
    "celu": "z > 0.0f ? z : alpha[c] * power_less_one(z / alpha[c])",
    "clip": "z < alpha[c] ? alpha[c] : z > beta[c] ? beta[c] : z",
    "cos": "cosf(z)",
    "elu": "z > 0.0f ? z : alpha[c] * power_less_one(z)",
    "erf": "erff(z)",
    "exp": "power_of(z)",
    "floor": "floorf(z)",
    "gelu": "gelu_of(z)",
    "gelu_tanh": "gelu_tanh_of(z)",
    "hardshrink": "magnitude_of(z) <= alpha[c] ? 0.0f : z",
    "hardsigmoid": "hard_of(z, alpha[c], beta[c])",
    "hardswish": "z * hard_of(z, alpha[c], beta[c])",
    "leaky_relu": "z > 0.0f ? z : alpha[c] * z",
    "log": "log_of(z)",
    "logsigmoid": "-softplus_of(-z)",
    "mish": "mish_of(z)",
    "pow": "powf(z, alpha[c])",
    "reciprocal": "1.0f / z",
    "selu": "beta[c] * (z > 0.0f ? z : alpha[c] * power_less_one(z))",
    "sigmoid": "sigmoid_of(z)",
    "silu": "z * sigmoid_of(alpha[c] * z)",
    "sin": "sinf(z)",
    "softplus": "alpha[c] * z > beta[c] ? z : softplus_of(alpha[c] * z) / alpha[c]",
    "softshrink": "z > alpha[c] ? z - alpha[c] : z < -alpha[c] ? z + alpha[c] : z == z ? 0.0f : z",
    "softsign": "z / (magnitude_of(z) + 1.0f)",
    "sqrt": "sqrtf(z)",
    "square": "z * z",
    "tanh": "tanh_of(z)",
    "threshold": "z <= alpha[c] ? beta[c] : z",
}
