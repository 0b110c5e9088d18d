// A value that one thread at a time uses. A call waits while another thread is in a brief call. It
// throws InUse while another thread is in a lengthy one, or the same, which has called back, and
// Broken once a change has failed half-way.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "spikelet/core/fork.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet {

// A lengthy call is using the value.
struct InUse : std::logic_error {
  using std::logic_error::logic_error;
};

// A change of the value has failed half-way; what() says which.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
class Guarded {
 public:
  // For messages: the value's name, and what to do once it has broken.
  template <class... Args>
  Guarded(std::string name, std::string way_out, Args&&... args)
      : name_(std::move(name)), way_out_(std::move(way_out)), value_(std::forward<Args>(args)...) {}
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // Exclusive access to the value, or with `const T` to read it, while this object lives.
  template <class V>
  class Access {
   public:
    ~Access() {
      if (guarded_ != nullptr) {
        guarded_->touched_ |= touches_;
        guarded_->caller_.store({}, std::memory_order_relaxed);
        guarded_->state_.store(0, std::memory_order_release);
      }
    }
    Access(Access&& other) noexcept
        : guarded_(std::exchange(other.guarded_, nullptr)), touches_(other.touches_) {}
    Access& operator=(Access&&) = delete;

    V* operator->() const { return &guarded_->value_; }
    V& operator*() const { return guarded_->value_; }

    // Makes a brief call lengthy: from now on other calls throw instead of waiting. Needed before
    // the call takes long, or waits for what a waiting thread may hold, such as Python's
    // interpreter lock.
    void lengthen() {
      guarded_->caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
      guarded_->state_.store(word(lengthy_call), std::memory_order_relaxed);
    }

    // Whether another call may have changed the value since the last one that settled it. Calls
    // that only read it do not count, nor those that say overlook().
    bool touched() const { return guarded_->touched_; }
    void settle() {
      guarded_->touched_ = false;
      overlook();
    }
    void overlook() { touches_ = false; }

    // Says in other words what broke the value.
    void explain(const char* what, const std::string& error) {
      guarded_->tell(what, error.c_str());
    }

    // Throws Broken if the value has broken.
    void require_whole() const { guarded_->require_whole(); }
    // Calls work(). If that throws, the value has broken, as it may be changed in part; `what` says
    // what failed.
    template <class Work>
    void change(const char* what, Work&& work) {
      try {
        work();
      } catch (const std::exception& error) {
        guarded_->spoil(what, error.what());
        throw;
      } catch (...) {
        guarded_->spoil(what, "unknown error");
        throw;
      }
    }

   private:
    friend class Guarded;
    Access(Guarded& guarded, std::uint64_t kind, bool must_be_whole) : guarded_(&guarded) {
      guarded.enter(kind);
      if (must_be_whole && guarded.broken()) {
        const Access leave = std::move(*this);  // also if there is no memory for the message
        guarded.require_whole();
      }
    }
    Guarded* guarded_;  // null: another object has taken the access over
    bool touches_ = !std::is_const_v<V>;
  };
  using Use = Access<T>;
  using Look = Access<const T>;

  // For calls that end soon and wait for no other thread.
  Use brief() { return Use(*this, brief_call, true); }
  // For all others.
  Use lengthy() { return Use(*this, lengthy_call, true); }
  // For calls that a broken value allows, or that call require_whole() themselves.
  Use even_if_broken() { return Use(*this, brief_call, false); }
  Use lengthy_even_if_broken() { return Use(*this, lengthy_call, false); }
  // For brief calls that only read.
  Look look() { return Look(*this, brief_call, true); }
  Look look_even_if_broken() { return Look(*this, brief_call, false); }

  // These read nothing that a call changes.
  bool busy() const { return (state_.load(std::memory_order_relaxed) & kinds) == lengthy_call; }
  bool broken() const { return broken_.load(std::memory_order_acquire); }

 private:
  // The state is 0, or the kind of the call that goes on, with the number of forks when it began.
  static constexpr std::uint64_t brief_call = 1, lengthy_call = 2, kinds = 3;
  static std::uint64_t word(std::uint64_t kind) { return std::uint64_t{forks()} << 2 | kind; }

  void enter(std::uint64_t kind) {
    const std::uint64_t own = word(kind);
    wait_until([&] {
      std::uint64_t seen = 0;
      if (state_.compare_exchange_strong(seen, own, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
        caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        return true;
      }
      if (seen >> 2 != own >> 2) {
        throw InUse(name_ + " was in use by another thread when this process was forked");
      }
      const bool called_back =
          caller_.load(std::memory_order_relaxed) == std::this_thread::get_id();
      if ((seen & kinds) == lengthy_call) {
        throw InUse(name_ +
                    (called_back
                         ? " is running and has called this callback; wait until the run is over"
                         : " is running in another thread"));
      }
      if (called_back) {  // to wait would be to wait for itself
        throw InUse(name_ + " is in use by the call that led to this one");
      }
      return false;
    });
  }
  void require_whole() const {
    if (broken()) {
      throw Broken(why_.empty() ? std::string("no memory") : why_);
    }
  }
  void spoil(const char* what, const char* error) noexcept {
    if (broken()) {
      return;
    }
    try {
      tell(what, error);
    } catch (const std::bad_alloc&) {
      why_.clear();
    }
    broken_.store(true, std::memory_order_release);
  }
  void tell(const char* what, const char* error) {
    why_ = name_ + " has failed: " + what + " stopped half-way (" + error + "); " + way_out_;
  }

  std::atomic<std::uint64_t> state_{0};
  std::atomic<std::thread::id> caller_{};  // only that thread compares equal
  std::atomic<bool> broken_{false};
  bool touched_ = true;  // belongs to who holds the access, like the value
  std::string name_, way_out_, why_;
  T value_;
};

}  // namespace spikelet
