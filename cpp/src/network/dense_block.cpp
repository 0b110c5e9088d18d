#include "spikelet/network/dense_block.hpp"

namespace spikelet {

template <class R>
DenseBlock<R>::DenseBlock(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                          std::size_t span)
    : TraceStore<R>(feed, plasticity, dt, span), pre_(this->sources_) {
  const SynapseTable<R>& table = *feed.table;
  while (first_ < this->sources_ && table.row[first_] == table.row[first_ + 1]) {
    ++first_;
  }
  while (first_ + rows_ < this->sources_ &&
         table.row[first_ + rows_] < table.row[first_ + rows_ + 1]) {
    ++rows_;
  }
  const std::size_t width = rows_ == 0 ? 0 : table.row[first_ + 1] - table.row[first_];
  const std::size_t begin =
      feed.post_begin - feed.table_begin;  // of the columns in the table's rows
  columns_ = std::min<std::size_t>(feed.post_end - feed.table_begin, width) - begin;
  // Whole cache lines, but no multiple of a page: otherwise a whole column would share a cache set.
  stride_ = round_up(columns_, 64 / sizeof(R));
  if (stride_ * sizeof(R) % 2048 == 0) {
    stride_ += 64 / sizeof(R);
  }
  weight_.resize(stride_ * rows_);
  for (std::size_t i = 0; i < rows_; ++i) {
    for (std::size_t j = 0; j < columns_; ++j) {
      weight_[i * stride_ + j] = table.weight_of(table.row[first_ + i] + begin + j);
    }
  }
  this->feed_.table = nullptr;
}

template <class R>
void DenseBlock<R>::on_pre(std::uint32_t source, R down, R* input) {
  this->mark(pre_, source, this->rise(trace_pre, this->clock_));
  if (source - first_ >= rows_) {
    return;
  }
  R* row = weight_.data() + (source - first_) * stride_;
  this->kernels_.dense_row(this->parameters(), row, this->post_.data(), this->active_.data(), down,
                           this->sign_, input, columns_);
}

template <class R>
void DenseBlock<R>::on_post(std::uint32_t target, R up) {
  if (up != 0 && target < columns_) {
    this->kernels_.dense_column(this->parameters(), weight_.data() + target, stride_,
                                pre_.data() + first_, up, rows_);
  }
}

template <class R>
void DenseBlock<R>::for_sources(const ForSource& visitor) const {
  for (std::uint32_t i = first_; i < first_ + rows_; ++i) {
    visitor(this->feed_.pre_gid + i, this->delay_, this->delay_);
  }
}

template <class R>
void DenseBlock<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::size_t i = source - this->feed_.pre_gid - first_;
  if (i >= rows_) {
    return;
  }
  for (std::size_t j = 0; j < columns_; ++j) {
    visitor({this->delay_, static_cast<std::uint16_t>(this->feed_.local + j),
             &weight_[i * stride_ + j], this->channel_, i * stride_ + j});
  }
}

template <class R>
void DenseBlock<R>::add_weights(std::span<double> sums) const {
  for (std::size_t i = 0; i < rows_; ++i) {
    this->kernels_.add_row(weight_.data() + i * stride_, sums.data(), columns_);
  }
}

template <class R>
void DenseBlock<R>::scale_weights(std::span<const R> factors) {
  const auto [low, high] = this->limits();
  for (std::size_t i = 0; i < rows_; ++i) {
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
