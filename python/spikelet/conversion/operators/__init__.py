"""What operators of ANNs mean: functions that add layers, for the readers of PyTorch and ONNX.

A function takes a `Call` (the operator), operands and arguments, adds layers, and returns its result as `Data`. Operands
are the framework's tensors, batch included, and axes are those of a tensor; constants are arrays. The readers' tables only
translate arguments.

* `movement`: operators that only move values, and `concat`
* `arithmetic`: sums, products, matrix products; with constants or data
* `spatial`: convolutions, linear layers, pools, and interpolation
* `activation`: functions of one value, softmax and gates
* `normalization`: reductions along axes, and norms; `attention`
"""
