// Refuses synapses that this machine cannot hold: a typing error in a rule must not exhaust the
// memory, since the system then ends the process.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace spikelet {

// Of this machine [bytes]; 0 if it is unknown.
inline double installed_memory() {
#if defined(_SC_PHYS_PAGES)
  const auto pages = static_cast<double>(sysconf(_SC_PHYS_PAGES)),
             size = static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return pages > 0 && size > 0 ? pages * size : 0;
#else
  return 0;
#endif
}

inline void require_memory(std::uint64_t synapses) {
  constexpr double least = 2;  // bytes of a static synapse
  const double wanted = least * static_cast<double>(synapses), installed = installed_memory();
  if (installed > 0 && wanted > installed) {
    std::ostringstream message;
    message.precision(3);
    message << "the rule would make about " << static_cast<double>(synapses)
            << " synapses, which need at least " << wanted / 1e9 << " GB; this machine has "
            << installed / 1e9 << " GB: make fewer, or share the network between machines (comm=)";
    throw std::length_error(message.str());
  }
}

}  // namespace spikelet
