// Bindings of linear and convolutional layers over sparse inputs.
#include <pybind11/pybind11.h>

void bind_sparse(pybind11::module_& m) { (void)m; }
