// Tables that depend on nothing but a few numbers, such as decays over the first thousands of
// steps. A network may have thousands of projections of one rule: their stores share them.
#pragma once

#include <map>
#include <memory>

namespace spikelet {

// The table of that key. make() makes it, unless this thread has one that is in use. There is one
// for each thread, so that none waits for another one.
template <class Table, class Key, class Make>
std::shared_ptr<const Table> shared_table(const Key& key, Make&& make) {
  thread_local std::map<Key, std::weak_ptr<const Table>> known;
  if (const auto found = known.find(key); found != known.end()) {
    if (auto table = found->second.lock()) {
      return table;
    }
  }
  // Not make_shared: what is known of a table must not keep its memory.
  std::shared_ptr<const Table> table(new Table(make()));
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  known[key] = table;
  return table;
}

}  // namespace spikelet
