"""The reader of PyTorch modules; its modules import torch.

* `copies`: copies a module so that it can be followed; `tracing`: records what it computes
* `reader`: converts the record to layers; `check`: compares the layers with the record
* `operators`, `movements`: the tables of PyTorch's operators
"""
