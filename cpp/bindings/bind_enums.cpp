// All enums, before the functions that take them.
#include "bindings.hpp"
#include "enums.hpp"

namespace spikelet {

void bind_enums(py::module_& m) {
  bind_enum<ConnectionRule::Kind>(m);
  bind_enum<ValueSpec::Kind>(m);
  bind_enum<ValueSpec::Limit>(m);
  bind_enum<Pairing>(m);
  bind_enum<Regulation::Kind>(m);
  bind_enum<RecorderKind>(m);
  bind_enum<layers::Binary::Kind>(m);
  bind_enum<layers::Dynamics::Reset>(m);
  bind_enum<layers::Function>(m);
  bind_enum<layers::Form>(m);
  bind_enum<layers::InputForm>(m);
  bind_enum<layers::Reduce::Kind>(m);
  bind_enum<layers::What>(m);
  bind_enum<train::Charge>(m);
  bind_enum<train::Reset>(m);
  bind_enum<train::When>(m);
  bind_enum<train::Surrogate>(m);
}

}  // namespace spikelet
