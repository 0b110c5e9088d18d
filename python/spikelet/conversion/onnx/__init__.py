"""The reader of ONNX files.

* `model`: loads a model, and reads its nodes as operations; `runtime`: runs one operation, infers its shapes, and compares layers with it
* `reader`: follows the nodes from the inputs to the outputs
* `operators`: the table of ONNX's operators; `optimized`: the table of quantized and fused operators
"""
