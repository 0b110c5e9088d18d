// What a forked process needs to know. The child has only the thread that called fork(): all
// others, including OpenMP's team, are gone, but locks that they held stay locked.
#pragma once

#include <mutex>

namespace spikelet {

// How many forks lie between the process that loaded this library and this one.
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

  // Locks, or unlocks, all such mutexes.
  static void lock_all();
  static void unlock_all();

 private:
  std::mutex mutex_;
  ForkMutex* next_;
};

}  // namespace spikelet
