// What survives fork(). The child has one thread, the one that called it: other threads, and with
// them OpenMP's team, are gone, but the locks they held stay locked.
#pragma once

#include <mutex>

namespace spikelet {

// How often this process, or an ancestor that had loaded this library, was forked on the way here.
unsigned forks() noexcept;

// A mutex that no other thread holds while the process forks, so that the child finds it free and
// what it protects consistent.
class ForkMutex {
 public:
  ForkMutex();
  ~ForkMutex();
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

  // Takes, or gives back, all of them.
  static void lock_all();
  static void unlock_all();

 private:
  std::mutex mutex_;
  ForkMutex* next_;
};

}  // namespace spikelet
