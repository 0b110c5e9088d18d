// The static synapses with weights of 16 bits that share a store: rows of lines, separate for each
// channel, grid and sign. Events are added to integer sums; these are exact, so they do not depend
// on the layout.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "spikelet/network/integer_sums.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

template <class R>
class StaticRows;

template <class R>
class IntegerStore final : public SynapseStore<R> {
 public:
  // span: longest delay + longest interval; elements: of the partition. sums: by channel; those
  // that the feeds need must be there, and must outlive the store. They are told what to expect.
  IntegerStore(std::span<const Feed<R>> feeds, std::size_t span, std::uint32_t elements,
               std::span<IntegerSums> sums);
  ~IntegerStore() override;

  void enqueue(Gid source, Step stamp, Step from) override {
    enqueue_all({&source, 1}, stamp, from);
  }
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  GidRange sources() const override;
  bool waits() const override { return true; }
  void deliver(Step step, Channels<R> input, bool early) override;
  bool mark_reached(std::span<std::uint64_t> blocks) const override;
  void clear() override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override {
    visit_within(source, {}, visitor);
  }
  void visit_within(Gid source, LocalRange targets,
                    const std::function<void(const SynapseRef<R>&)>& visitor) override;
  std::size_t bytes() const override;

 private:
  struct Part {
    int channel;
    std::unique_ptr<StaticRows<R>> rows;
  };
  // Feeds that may share rows.
  struct Group {
    double step;
    std::map<int, double> sum_step;  // by channel
    std::vector<Feed<R>> feeds;

    bool takes(const Feed<R>& feed) const;
  };
  void build(const Group& group, std::size_t span, std::uint32_t elements,
             std::span<IntegerSums> sums);

  std::vector<Part> parts_;
};

extern template class IntegerStore<float>;
extern template class IntegerStore<double>;

}  // namespace spikelet
