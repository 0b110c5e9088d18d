// An array of plain values that grows without a second copy where the system can move pages: a
// large one is remapped, not copied, and room that was not written to yet takes no memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#endif

namespace spikelet {

template <class T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;

  GrowingArray() = default;
  GrowingArray(const GrowingArray& other) { assign(other); }
  GrowingArray(GrowingArray&& other) noexcept { swap(other); }
  GrowingArray& operator=(GrowingArray other) noexcept {
    swap(other);
    return *this;
  }
  ~GrowingArray() { std::free(data_); }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](std::size_t k) { return data_[k]; }
  const T& operator[](std::size_t k) const { return data_[k]; }
  const T& front() const { return data_[0]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  // Makes room for n elements, at least doubling what has to grow. Throws std::bad_alloc; nothing
  // has changed then.
  void reserve(std::size_t n) {
    if (n > capacity_) {
      set_capacity(std::max(n, 2 * capacity_));
    }
  }
  // New elements hold anything.
  void resize(std::size_t n) {
    reserve(n);
    size_ = n;
  }
  void push_back(T value) {
    reserve(size_ + 1);
    data_[size_++] = value;
  }
  void pop_back() { --size_; }
  void assign(std::span<const T> values) {
    reserve(values.size());
    std::copy(values.begin(), values.end(), data_);
    size_ = values.size();
  }
  // Returns memory beyond the size to the system, where it accepts that.
  void shrink() noexcept {
    if (size_ == 0) {
      std::free(std::exchange(data_, nullptr));
      capacity_ = 0;
    } else if (void* p = std::realloc(data_, size_ * sizeof(T))) {
      data_ = static_cast<T*>(p);
      capacity_ = size_;
    }
  }
  void swap(GrowingArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  std::vector<T> to_vector() const { return {begin(), end()}; }
  friend bool operator==(const GrowingArray& a, std::span<const T> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  void set_capacity(std::size_t n) {
    if (n > (std::size_t{1} << 46) / sizeof(T)) {
      throw std::bad_alloc();
    }
    void* p = std::realloc(data_, n * sizeof(T));
    if (p == nullptr) {
      throw std::bad_alloc();
    }
    data_ = static_cast<T*>(p);
    capacity_ = n;
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
    // Pages are written once, in order: large ones save most of the faults. All pages of the block
    // must be alike, or it could not be remapped any more.
    constexpr std::size_t mapped = std::size_t{32}
                                   << 20;  // from here on, a block has its own pages
    constexpr std::uintptr_t page = 4096;
    if (n * sizeof(T) > mapped) {
      const auto first = reinterpret_cast<std::uintptr_t>(p) / page * page;
      const std::uintptr_t last = reinterpret_cast<std::uintptr_t>(p) + malloc_usable_size(p);
      madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
    }
#endif
  }

  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace spikelet
