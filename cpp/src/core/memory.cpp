#include "spikelet/core/memory.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace spikelet {
namespace {

constexpr double address_space = 0x1p47;

// The number after a word of a file, or the first one if there is no word; else a default.
double number_in(const std::string& file, const std::string& word, double otherwise) {
  std::ifstream in(file);
  for (std::string read; !word.empty() && read != word;) {
    if (!(in >> read)) {
      return otherwise;
    }
  }
  double number = 0;
  return in >> number ? number : otherwise;  // "max" is none
}

// What a control group and all around it leave. Its caches of files give way.
double left_in_groups(const std::string& root) {
  double left = address_space;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();  // version 2
    if (!unified && controllers != "memory") {
      continue;
    }
    const std::string mount = root + (unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    std::string path = line.substr(second + 1);
    while (true) {
      const std::string group = mount + path + "/";
      const double limit =
          number_in(group + (unified ? "memory.max" : "memory.limit_in_bytes"), "", address_space);
      const double used =
          number_in(group + (unified ? "memory.current" : "memory.usage_in_bytes"), "", 0);
      const double cache =
          number_in(group + "memory.stat", unified ? "inactive_file" : "total_inactive_file", 0);
      left = std::min(left, std::max(limit - used + cache, 0.0));
      if (path.empty()) {
        break;
      }
      path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
    }
  }
  return left;
}

}  // namespace

double available_memory(const std::string& root) {
  const std::string file = root + "/proc/meminfo";
  const double free =
      1024 * (number_in(file, "MemAvailable:", address_space) + number_in(file, "SwapFree:", 0));
  return std::min({free, left_in_groups(root), address_space});
}

bool fits_in_memory(double bytes, double promised) {
  constexpr double small = 0x1p26;
  const double sum = promised + bytes;
  return std::floor(sum / small) == std::floor(promised / small) || sum <= available_memory();
}

}  // namespace spikelet
