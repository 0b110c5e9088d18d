// Runs all tests at the SIMD level that SPIKELET_SIMD names; CTest counts 77 as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string_view>

#include "spikelet/core/cpu.hpp"
#include "support/failing_memory.hpp"

namespace {

void* take(std::size_t bytes, std::size_t alignment) {
  void* p = nullptr;
  if (failing_memory::fails() || posix_memalign(&p, alignment, bytes) != 0) {
    return nullptr;
  }
  return p;
}

void* take_or_throw(std::size_t bytes, std::size_t alignment) {
  void* p = take(bytes, alignment);
  if (p == nullptr) {
    throw std::bad_alloc();
  }
  return p;
}

}  // namespace

// All memory of this program, so that tests can let it run out.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return take(bytes, alignment);
}
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" void* __libc_realloc(void* p, std::size_t bytes);  // NOLINT: glibc's name
extern "C" void* realloc(void* p, std::size_t bytes) noexcept {
  return failing_memory::fails() ? nullptr : __libc_realloc(p, bytes);
}
#endif
void* operator new(std::size_t bytes) { return take_or_throw(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return take_or_throw(bytes, static_cast<std::size_t>(alignment));
}
// The library's own ones call those above, but not a sanitizer's.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return take(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }

int main(int argc, char** argv) {
  const char* wish = std::getenv("SPIKELET_SIMD");
  try {
    spikelet::simd_level();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    const std::string_view name(wish);
    return name == "v3" || name == "v4" ? 77 : 1;
  }
  return doctest::Context(argc, argv).run();
}
