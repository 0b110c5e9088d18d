"""The reader of ONNX files.

* `model`, `operation`: files and their nodes; `upgrade` rewrites old versions of operators, `fused` takes fused ones apart
* `walk`: from the inputs to the outputs; `reference` evaluates what is constant, `check` compares each layer with it
* `operators` with `windows`, `norms`, `movements`, `quantised`: the tables; `operands`: reading of operands
"""
