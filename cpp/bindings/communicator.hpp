// A communicator for the processes that share a network, over the methods of mpi4py's.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/network/ranks.hpp"

namespace spikelet {

namespace py = pybind11;

// mpi4py's communicator, or an object with its methods. These are compiled: no Python code runs in
// a collective call, and so no signal handler that could leave the other processes waiting.
class PyCommunicator final : public Communicator {
 public:
  PyCommunicator(const py::object& comm, py::object minimum)
      : rank_(comm.attr("rank").cast<int>()),
        size_(comm.attr("size").cast<int>()),
        allgather_(comm.attr("Allgather")),
        allgatherv_(comm.attr("Allgatherv")),
        allreduce_(comm.attr("Allreduce")),
        minimum_(std::move(minimum)) {}
  ~PyCommunicator() override {
    const py::gil_scoped_acquire acquire;
    for (py::object* o : {&allgather_, &allgatherv_, &allreduce_, &minimum_}) {
      *o = py::object();
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all) override {
    const py::gil_scoped_acquire acquire;
    allgather_(bytes(own), bytes(all));
  }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all,
              std::span<const std::size_t> counts) override {
    const py::gil_scoped_acquire acquire;
    std::vector<std::size_t> lengths, begins;
    std::size_t begin = 0;
    for (const std::size_t count : counts) {
      lengths.push_back(count * sizeof(std::uint32_t));
      begins.push_back(begin);
      begin += lengths.back();
    }
    allgatherv_(bytes(own), py::make_tuple(bytes(all), py::make_tuple(lengths, begins)));
  }
  void minimum(std::span<std::int64_t> values) override {
    const py::gil_scoped_acquire acquire;
    std::vector<std::int64_t> own(values.begin(), values.end());
    const auto view = [](std::span<std::int64_t> words) {
      return py::memoryview::from_buffer(
          words.data(), std::vector<py::ssize_t>{static_cast<py::ssize_t>(words.size())},
          std::vector<py::ssize_t>{sizeof(std::int64_t)});
    };
    allreduce_(view(own), view(values), minimum_);
  }

 private:
  static py::memoryview bytes(std::span<const std::uint32_t> words) {
    return py::memoryview::from_memory(words.data(), static_cast<py::ssize_t>(words.size_bytes()));
  }
  static py::memoryview bytes(std::span<std::uint32_t> words) {
    return py::memoryview::from_memory(words.data(), static_cast<py::ssize_t>(words.size_bytes()));
  }

  int rank_, size_;
  py::object allgather_, allgatherv_, allreduce_, minimum_;
};

inline std::unique_ptr<Communicator> as_communicator(const py::object& comm,
                                                     const py::object& minimum) {
  return comm.is_none() ? nullptr : std::make_unique<PyCommunicator>(comm, minimum);
}

}  // namespace spikelet
