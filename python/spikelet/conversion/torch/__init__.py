"""The reader of PyTorch modules; its modules import torch.

* `quantised`: plain modules for quantised ones; `tracing`: records what a module computes; `reader`: goes through the record, and `check` compares the result
* `operators` with `weights`, `movements`: the tables; `foreign`: layers that stay in PyTorch
"""
