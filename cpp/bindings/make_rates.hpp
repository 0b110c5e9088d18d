// A description of rates that change with time, from which those of a source or input are made.
#pragma once

#include <functional>
#include <memory>

#include "spikelet/network/rates.hpp"

namespace spikelet {

struct MakeRates {
  std::function<std::unique_ptr<const Rates>(const Targets&, double dt)> make;
};

}  // namespace spikelet
