// Bindings of EventProp.
#include <pybind11/pybind11.h>

void bind_event_prop(pybind11::module_& m) { (void)m; }
