// The static synapses of all projections that share a store, merged by source. Rows take one of
// three forms, chosen by size when they are built, which all add in the same order:
//   lines       for each delay a whole number of lines, delivered on arrival
//   one_weight  the same, for projections whose weights are all equal
//   queued      synapses that are queued one by one when their source spikes, for sparse rows
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "spikelet/network/store.hpp"

namespace spikelet {

template <class R>
class RowGatherer;
template <class R>
class StaticRows;

template <class R>
class StaticStore final : public SynapseStore<R> {
 public:
  // span: longest delay + longest interval; elements: of the partition, after which the buffers
  // have `spare` ones that are never read.
  StaticStore(std::span<const Feed<R>> feeds, std::size_t span, std::uint32_t elements);
  StaticStore(StaticStore&&) noexcept;
  ~StaticStore() override;

  void enqueue(Gid source, Step stamp, Step from) override {
    enqueue_all({&source, 1}, stamp, from);
  }
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  GidRange sources() const override;
  void for_sources(const ForSource& visitor) const override;
  bool waits() const override { return true; }
  void fetch() const override;
  void deliver(Step step, Channels<R> input, bool early) override;
  bool mark_reached(std::span<std::uint64_t> blocks) const override;
  bool copies_weights() const override { return has(Form::queued); }
  void clear() override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override {
    visit_within(source, {}, visitor);
  }
  void visit_within(Gid source, LocalRange targets,
                    const std::function<void(const SynapseRef<R>&)>& visitor) override;
  std::size_t bytes() const override;

  enum class Form { lines, one_weight, queued };
  // Whether synapses of some channel have that form; and the form of those of one channel.
  bool has(Form form) const {
    return std::ranges::find(channels_, form, &Channel::form) != channels_.end();
  }
  Form form(std::size_t channel) const {
    return std::ranges::find(channels_, channel, &Channel::number)->form;
  }

 private:
  struct Channel {
    std::size_t number;
    Form form;
    std::unique_ptr<StaticRows<R>> rows;
  };
  void choose_forms(RowGatherer<R>& gatherer, std::uint32_t elements);

  std::vector<Channel> channels_;  // those with synapses, ascending
};

}  // namespace spikelet
