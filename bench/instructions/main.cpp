// Runs one problem on one thread and prints JSON. valgrind counts the instructions inside
// measured(); check.py starts both and compares the counts.
//   spikelet_instructions --about     compiler, levels, names of the problems
//   spikelet_instructions PROBLEM
#include <cstdio>
#include <exception>
#include <string>

#include "problem.hpp"
#include "spikelet/core/cpu.hpp"

// Found by its name: valgrind --toggle-collect=measured.
extern "C" [[gnu::noinline]] std::size_t measured(const Work& work) {
  const std::size_t done = work();
  asm volatile("" ::: "memory");  // no tail call, which would leave this function early
  return done;
}

namespace {

template <class Range, class Name>
std::string list(const Range& range, Name&& name) {
  std::string text;
  for (const auto& item : range) {
    text += (text.empty() ? "\"" : ", \"") + std::string(name(item)) + '"';
  }
  return '[' + text + ']';
}

void about() {
#if defined(__clang__)
  constexpr const char* compiler = "clang";
  constexpr int version[] = {__clang_major__, __clang_minor__, __clang_patchlevel__};
#else
  constexpr const char* compiler = "gcc";
  constexpr int version[] = {__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__};
#endif
#if defined(__OPTIMIZE__) && defined(NDEBUG)
  constexpr const char* optimised = "true";
#else
  constexpr const char* optimised = "false";
#endif
  std::printf(
      "{\"compiler\": \"%s\", \"compiler_version\": \"%d.%d.%d\", \"optimised\": %s,\n"
      " \"levels\": %s,\n \"problems\": %s}\n",
      compiler, version[0], version[1], version[2], optimised,
      list(spikelet::available_simd_levels(), [](auto x) { return spikelet::to_string(x); })
          .c_str(),
      list(problems(), [](const Problem& x) { return x.name; }).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc == 2 ? argv[1] : "";
  if (name == "--about") {
    about();
    return 0;
  }
  for (const Problem& problem : problems()) {
    if (problem.name == name) {
      try {
        const Work work = problem.set_up();
        const std::size_t done = measured(work);
        std::printf("{\"work\": %zu, \"unit\": \"%s\"}\n", done, problem.unit.data());
        return 0;
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[1], error.what());
        return 1;
      }
    }
  }
  std::fprintf(stderr, "usage: %s --about | PROBLEM\n", argv[0]);
  return 2;
}
