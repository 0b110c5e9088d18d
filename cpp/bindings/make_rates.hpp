// Makes the rates of a source or an input that change with time, once its targets and dt are known.
#pragma once

#include <functional>
#include <memory>

#include "spikelet/network/rates.hpp"

namespace spikelet {

struct MakeRates {
  std::function<std::unique_ptr<const Rates>(const Targets&, double dt)> make;
};

}  // namespace spikelet
