#include "spikelet/network/closed_rows.hpp"

namespace spikelet {

template <class R>
ClosedRows<R>::ClosedRows(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                          std::size_t span)
    : TraceStore<R>(feed, plasticity, dt, span),
      pre_(this->index_.rows()),
      updated_(pre_.size()),
      grown_(this->targets_.size()) {
  const SynapseTable<R>& table = *feed.table;
  row_ = this->for_synapses(table, [&](std::uint32_t, std::uint64_t k) {
    weight_.push_back(table.weight_of(k));
    target_.push_back(static_cast<std::uint16_t>(this->targets_.of_known(table.post[k])));
  });
  this->feed_.table = nullptr;
  seen_.resize(weight_.size());
  at_.resize(grown_.size());
  for (std::vector<R>& sums : ended_) {
    sums.resize(grown_.size());
  }
  for (Step m = 0; m <= kept; ++m) {
    decay_[static_cast<std::size_t>(m)] = this->epoch_decay(trace_pre, m);
  }
}

template <class R>
void ClosedRows<R>::start(Step born) {
  TraceStore<R>::start(born);
  std::fill(updated_.begin(), updated_.end(), this->epoch(std::max<Step>(born, 0)));
}

template <class R>
void ClosedRows<R>::copy_targets(Step epoch) {
  const std::vector<R>& ended = ended_[static_cast<std::size_t>((epoch + kept - 1) % kept)];
  for (std::size_t j = 0; j < at_.size(); ++j) {
    at_[j] = {grown_[j], this->post_[j], ended[j]};
  }
  stale_ = false;
}

// Brings a row up to `now`. With an input, the row also depresses and sends.
template <class R>
void ClosedRows<R>::update(std::uint32_t i, Step now, R down, R* input) {
  const std::uint64_t begin = row_[i];
  const Step epoch = this->epoch(now), behind = pre_[i] == 0 ? 0 : epoch - updated_[i];
  if (stale_) {
    copy_targets(epoch);
  }
  std::array<const R*, kept> ended;
  std::array<R, kept> ended_up;
  for (Step m = 0; m < behind; ++m) {
    const auto k = static_cast<std::size_t>(m);
    ended[k] = ended_[static_cast<std::size_t>((updated_[i] + m) % kept)].data();
    ended_up[k] = pre_[i] * decay_[k];
  }
  pre_[i] *= decay_[static_cast<std::size_t>(behind)];
  updated_[i] = epoch;
  this->kernels_.closed_row(this->parameters(),
                            {weight_.data() + begin, seen_.data() + begin, target_.data() + begin,
                             row_[i + 1] - begin, at_.data(), pre_[i], down, this->sign_, input,
                             ended.data(), ended_up.data(), static_cast<int>(behind), &ahead_});
}

template <class R>
void ClosedRows<R>::on_pre(std::uint32_t row, R down, R* input) {
  update(row, this->clock_, down, input);
  this->mark(pre_, row, this->rise(trace_pre, this->clock_));
}

template <class R>
void ClosedRows<R>::fetch_rows(std::span<const std::uint32_t> rows) {
  rows_.clear();
  for (const std::uint32_t i : rows) {
    const std::uint64_t begin = row_[i], n = row_[i + 1] - begin;
    if (n > 0) {
      rows_.push_back({weight_.data() + begin, seen_.data() + begin, target_.data() + begin, n});
    }
  }
  ahead_ = RowsAhead<R>(rows_);
}

template <class R>
void ClosedRows<R>::update_all(std::span<const std::uint32_t> rows, Step now) {
  fetch_rows(rows);
  for (const std::uint32_t i : rows) {
    update(i, now, R(0), nullptr);
  }
  fetch_rows({});
}

template <class R>
void ClosedRows<R>::on_epoch() {
  const Step begins = this->epoch(this->clock_ + 1);
  std::vector<R>& ended = ended_[static_cast<std::size_t>((begins - 1) % kept)];
  ended.swap(grown_);
  std::fill(grown_.begin(), grown_.end(), R(0));
  copy_targets(begins);
  std::vector<std::uint32_t> silent;
  for (std::uint32_t i = 0; i < pre_.size(); ++i) {
    if (begins - updated_[i] < kept) {
      continue;
    }
    if (pre_[i] != 0) {
      silent.push_back(i);
    } else {
      updated_[i] = begins;
    }
  }
  update_all(silent, this->clock_ + 1);
}

template <class R>
void ClosedRows<R>::flush() {
  std::vector<std::uint32_t> pending;
  for (std::uint32_t i = 0; i < pre_.size(); ++i) {
    if (pre_[i] != 0) {
      pending.push_back(i);
    }
  }
  update_all(pending, this->clock_);
}

template <class R>
void ClosedRows<R>::for_sources(const ForSource& visitor) const {
  this->index_.for_each([&, i = std::size_t{0}](Gid source) mutable {
    if (row_[i] < row_[i + 1]) {
      visitor(source, this->delay_, this->delay_);
    }
    ++i;
  });
}

template <class R>
void ClosedRows<R>::fetch_ahead() const {
  TraceStore<R>::fetch_ahead();
  fetch_values(row_);
  fetch_values(weight_);
  fetch_values(seen_);
  fetch_values(target_);
  fetch_values(pre_);
  fetch_values(updated_);
  fetch_values(grown_);
  fetch_values(at_);
}

template <class R>
void ClosedRows<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint64_t k = row_[i]; k < row_[i + 1]; ++k) {
    visitor({this->delay_, this->local(target_[k]), &weight_[k], this->channel_, k});
  }
}

template <class R>
void ClosedRows<R>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    sums[target_[k]] += std::abs(static_cast<double>(weight_[k]));
  }
}

template <class R>
void ClosedRows<R>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    weight_[k] = this->limited(weight_[k] * factors[target_[k]]);
  }
}

template <class R>
PlasticParts<R> ClosedRows<R>::parts() {
  PlasticParts<R> parts;
  parts.synapse.emplace_back(weight_);
  parts.synapse.emplace_back(seen_);
  parts.row.emplace_back(pre_);
  parts.row_step.emplace_back(updated_);
  parts.target.emplace_back(grown_);
  for (std::vector<R>& sums : ended_) {
    parts.target.emplace_back(sums);
  }
  this->add_traces(parts);
  stale_ = true;  // others may write them
  return parts;
}

template <class R>
void ClosedRows<R>::clear() {
  TraceStore<R>::clear();
  std::fill(pre_.begin(), pre_.end(), R(0));
  std::fill(grown_.begin(), grown_.end(), R(0));
  stale_ = true;
  start(-1);
}

template class ClosedRows<float>;
template class ClosedRows<double>;

}  // namespace spikelet
