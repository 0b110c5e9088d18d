"""The pass over the layers of an ANN: at each neuron a method decides, from the activity of the layers before it.

* `activity`: the ANN and its inputs, the values of the ANN and of the spiking network, and which are stored until when
* `site`: what a method can measure at a neuron, and the base class of methods
* `streaming`: the pass
"""
