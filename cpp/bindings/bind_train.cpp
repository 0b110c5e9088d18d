// Bindings of fused training steps of neurons.
#include <pybind11/pybind11.h>

void bind_train(pybind11::module_& m) { (void)m; }
