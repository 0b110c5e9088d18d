// Many networks at once: a team of threads, each of which takes whole networks, so they share
// nothing and wait for nobody.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <vector>

#include "spikelet/network/step_loop.hpp"

namespace spikelet {

// Runs one network by a single thread, until it is through or the poll says so.
using RunOne = std::function<void(const Poll&)>;

// Calls all of `runs`, in order as threads become free, and returns what each of them threw, or
// null. poll, which must not throw, is called some fifty times a second by the calling thread with
// the number of networks that are through; true stops those that run, and the rest do not begin.
std::vector<std::exception_ptr> run_all(std::span<const RunOne> runs, int threads,
                                        const std::function<bool(std::size_t)>& poll);

}  // namespace spikelet
