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

// A network, or several in a row that one thread runs together.
struct OneOfMany {
  // Runs them by a single thread, until they are through or the poll says so. An error is thrown,
  // or becomes the network's entry in `errors`.
  std::function<void(const Poll&, std::span<std::exception_ptr> errors)> run;
  // Prefetches what that needs, in stages 0 to fetch_stages - 1; called by a thread that has others
  // to run first, before each of them. Must not throw.
  std::function<void(int stage)> fetch;
  std::size_t networks = 1;
};

// Runs all networks, in order as threads become free, and returns what each of them threw, or null.
// poll, which must not throw, is called some fifty times a second by the calling thread with the
// number of networks that are through; true stops those that run, and the rest do not begin.
std::vector<std::exception_ptr> run_all(std::span<const OneOfMany> networks, int threads,
                                        const std::function<bool(std::size_t)>& poll);

}  // namespace spikelet
