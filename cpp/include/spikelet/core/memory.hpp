// The memory that is left: what needs more is refused with the figures, since a system that runs
// out of memory ends the process.
#pragma once

#include <string>

namespace spikelet {

// What this process can still allocate [bytes]: what Linux says is free, swap included, and no more
// than its control groups leave. Elsewhere, the address space. root: of the files that tell.
double available_memory(const std::string& root = "");

// Whether so many more bytes can be had besides what has been promised to others. It takes as long
// as thousands of small synapses, so it asks only if the sum passes another 64 MB.
bool fits_in_memory(double bytes, double promised = 0);

}  // namespace spikelet
