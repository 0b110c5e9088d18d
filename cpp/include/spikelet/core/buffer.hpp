// Buffer<T>: a std::vector that begins on a cache line; large ones lie on huge pages where the
// system has them. Rows of synapses are visited at random, and with 4 KB pages each visit costs a
// page walk.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace spikelet {

// Zeroed = false: resize() leaves new elements uninitialised.
template <class T, bool Zeroed = true>
struct PageAllocator {
  using value_type = T;
  template <class U>
  struct rebind {
    using other = PageAllocator<U, Zeroed>;
  };
  static constexpr std::size_t huge = std::size_t{2} << 20;

  PageAllocator() = default;
  template <class U>
  PageAllocator(const PageAllocator<U, Zeroed>&) noexcept {}  // NOLINT: allocators convert

  template <class U>
  void construct(U* p) {
    if constexpr (Zeroed) {
      ::new (static_cast<void*>(p)) U();
    } else {
      ::new (static_cast<void*>(p)) U;
    }
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }

  T* allocate(std::size_t n) {
    if (n > (std::size_t{1} << 46) / sizeof(T)) {
      throw std::bad_alloc();
    }
    const std::size_t bytes = n * sizeof(T);
    const std::size_t unit = bytes >= huge ? huge : 64;
    void* p = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (p == nullptr) {
      throw std::bad_alloc();
    }
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (unit == huge) {
      madvise(p, bytes, MADV_HUGEPAGE);
    }
#endif
    return static_cast<T*>(p);
  }
  void deallocate(T* p, std::size_t) noexcept { std::free(p); }
  bool operator==(const PageAllocator&) const = default;
};

template <class T>
using Buffer = std::vector<T, PageAllocator<T>>;

// For large arrays that are filled right away.
template <class T>
using RawBuffer = std::vector<T, PageAllocator<T, false>>;

}  // namespace spikelet
