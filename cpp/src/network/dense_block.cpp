#include "spikelet/network/dense_block.hpp"

namespace spikelet {

template <class R>
DenseBlock<R>::DenseBlock(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                          std::size_t span)
    : TraceStore<R>(feed, plasticity, dt, span),
      columns_(this->targets_.size()),
      pre_(this->index_.rows()) {
  // Whole cache lines, but no multiple of a page: otherwise a whole column would share a cache set.
  stride_ = round_up(columns_, 64 / sizeof(R));
  if (stride_ * sizeof(R) % 2048 == 0) {
    stride_ += 64 / sizeof(R);
  }
  weight_.resize(stride_ * pre_.size());
  const SynapseTable<R>& table = *feed.table;
  this->for_synapses(table, [&](std::uint32_t i, std::uint64_t k) {
    weight_[i * stride_ + this->targets_.of_known(table.post[k])] = table.weight_of(k);
  });
  this->feed_.table = nullptr;
}

template <class R>
void DenseBlock<R>::on_pre(std::uint32_t row, R down, R* input) {
  this->mark(pre_, row, this->rise(trace_pre, this->clock_));
  this->kernels_.dense_row(this->parameters(), weight_.data() + row * stride_, this->post_.data(),
                           this->active_.data(), down, this->sign_, input, columns_);
}

template <class R>
void DenseBlock<R>::on_post(std::uint32_t target, R up) {
  if (up != 0) {
    this->kernels_.dense_column(this->parameters(), weight_.data() + target, stride_, pre_.data(),
                                up, pre_.size());
  }
}

template <class R>
void DenseBlock<R>::for_sources(const ForSource& visitor) const {
  this->index_.for_each([&](Gid source) { visitor(source, this->delay_, this->delay_); });
}

template <class R>
void DenseBlock<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint32_t j = 0; j < columns_; ++j) {
    const std::size_t k = i * stride_ + j;
    visitor({this->delay_, this->local(j), &weight_[k], this->channel_, k});
  }
}

template <class R>
void DenseBlock<R>::add_weights(std::span<double> sums) const {
  for (std::size_t i = 0; i < pre_.size(); ++i) {
    this->kernels_.add_row(weight_.data() + i * stride_, sums.data(), columns_);
  }
}

template <class R>
void DenseBlock<R>::scale_weights(std::span<const R> factors) {
  const auto [low, high] = this->limits();
  for (std::size_t i = 0; i < pre_.size(); ++i) {
    this->kernels_.scale_row(weight_.data() + i * stride_, factors.data(), low, high, columns_);
  }
}

template <class R>
PlasticParts<R> DenseBlock<R>::parts() {
  PlasticParts<R> parts;
  parts.synapse.emplace_back(weight_);
  parts.row.emplace_back(pre_);
  this->add_traces(parts);
  return parts;
}

template <class R>
void DenseBlock<R>::clear() {
  TraceStore<R>::clear();
  std::fill(pre_.begin(), pre_.end(), R(0));
}

template class DenseBlock<float>;
template class DenseBlock<double>;

}  // namespace spikelet
