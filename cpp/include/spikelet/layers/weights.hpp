// Immutable weights; copies share them.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace spikelet::layers {

// A description of a network is copied from builder to graph to plan, and a large network has
// hundreds of megabytes of weights. To change weights, assign a new object.
class Weights {
 public:
  Weights() : Weights(std::vector<double>{}) {}
  Weights(std::vector<double> values)  // NOLINT(google-explicit-constructor): weights are assigned
      : values_(std::make_shared<const std::vector<double>>(std::move(values))) {}

  Weights(std::initializer_list<double> values) : Weights(std::vector<double>(values)) {}

  bool empty() const { return values_->empty(); }
  std::size_t size() const { return values_->size(); }
  const double* data() const { return values_->data(); }
  double operator[](std::size_t i) const { return (*values_)[i]; }
  bool operator==(const Weights& other) const { return *values_ == *other.values_; }
  auto begin() const { return values_->begin(); }
  auto end() const { return values_->end(); }

 private:
  std::shared_ptr<const std::vector<double>> values_;
};

}  // namespace spikelet::layers
