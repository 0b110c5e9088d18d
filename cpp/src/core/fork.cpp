#include "spikelet/core/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace spikelet {
namespace {

std::atomic<unsigned> fork_count{0};
std::mutex list_mutex;
ForkMutex* first = nullptr;

[[maybe_unused]] const int registered =
    pthread_atfork([] { ForkMutex::lock_all(); }, [] { ForkMutex::unlock_all(); },
                   [] {
                     fork_count.fetch_add(1, std::memory_order_relaxed);
                     ForkMutex::unlock_all();
                   });

}  // namespace

unsigned forks() noexcept { return fork_count.load(std::memory_order_relaxed); }

ForkMutex::ForkMutex() {
  const std::lock_guard lock(list_mutex);
  next_ = first;
  first = this;
}

ForkMutex::~ForkMutex() {
  const std::lock_guard lock(list_mutex);
  ForkMutex** at = &first;
  while (*at != this) {
    at = &(*at)->next_;
  }
  *at = next_;
}

void ForkMutex::lock_all() {
  list_mutex.lock();
  for (ForkMutex* m = first; m != nullptr; m = m->next_) {
    m->lock();
  }
}

void ForkMutex::unlock_all() {
  for (ForkMutex* m = first; m != nullptr; m = m->next_) {
    m->unlock();
  }
  list_mutex.unlock();
}

}  // namespace spikelet
