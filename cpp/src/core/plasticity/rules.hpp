// The list of plasticity rules: a new one is a header here, and its name below.
#include "core/plasticity/diehl_cook.hpp"
#include "core/plasticity/inhibitory.hpp"
#include "core/plasticity/reward.hpp"
#include "core/plasticity/stdp.hpp"
#include "core/plasticity/triplet.hpp"

#define SPIKELET_RULES                                                                    \
  AdditiveSTDP, MultiplicativeSTDP, PowerSTDP, PowerLawSTDP, TripletSTDP, InhibitorySTDP, \
      DiehlCookSTDP, RewardSTDP
