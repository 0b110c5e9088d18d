// The list of neuron models: a new one is a header in neurons/ and its name here.
#include "core/neurons/lif.hpp"
#include "core/neurons/lif_alpha.hpp"
#include "core/neurons/lif_cond.hpp"
#include "core/neurons/lif_delta.hpp"

#define SPIKELET_MODELS LIF, LIFDelta, LIFAlpha, LIFCond, IF, LIFOneCurrent
