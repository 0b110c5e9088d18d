// The list of plasticity rules: a new one is a header here, and its name below.
// clang-format off: some build on others
#include "core/plasticity/bounded.hpp"
#include "core/plasticity/stdp.hpp"
#include "core/plasticity/triplet.hpp"
#include "core/plasticity/inhibitory.hpp"
#include "core/plasticity/diehl_cook.hpp"
#include "core/plasticity/reward.hpp"
// clang-format on

#define SPIKELET_RULES                                                                    \
  AdditiveSTDP, MultiplicativeSTDP, PowerSTDP, SignedSTDP, SignedPowerSTDP, PowerLawSTDP, \
      TripletSTDP, SignedTripletSTDP, InhibitorySTDP, DiehlCookSTDP, SignedDiehlCookSTDP, \
      RewardSTDP
