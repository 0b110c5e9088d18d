#include "core/program/fuse.hpp"

#include <algorithm>
#include <string>

namespace spikelet {
namespace {

constexpr std::size_t none = SIZE_MAX;

// An instruction as a sum; no items: it is none.
std::string items_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::MOV:
      return "+";
    case Opcode::ADD:
      return "++";
    case Opcode::SUB:
      return "+-";
    case Opcode::MUL:
      return "*";
    case Opcode::MULADD:
      return "*+";
    case Opcode::LIN2:
      return "**";
    case Opcode::LIN3:
      return "***";
    default:
      return "";
  }
}

bool is_compiled(const std::string& items) {
  constexpr std::size_t longest = 5;
  return items.size() <= longest &&
         std::ranges::find(sum_forms, sum_form(items)) != sum_forms.end();
}

class Fuser {
 public:
  Fuser(const std::vector<Instruction>& code, int spiked, const Program::Slots& slots)
      : slots_(slots), uses_(code.size()), writer_(slots.end, none), version_(slots.end) {
    count_uses(code, spiked);
    std::ranges::fill(writer_, none);
    for (const Instruction& in : code) {
      add(in);
    }
    if (spiked >= 0) {
      test(static_cast<std::size_t>(spiked));
    }
  }

  std::vector<FusedInstruction> take() {
    std::vector<FusedInstruction> left;
    for (const Node& node : nodes_) {
      if (!node.gone) {
        left.push_back(node.in);
      }
    }
    return left;
  }

 private:
  struct Node {
    FusedInstruction in;
    std::string items;                  // of a sum
    std::vector<std::size_t> versions;  // of its operands
    std::size_t first_writer = none;    // the instruction that made its first operand
    bool gone = false;
  };

  // How often the result of each instruction is read.
  void count_uses(const std::vector<Instruction>& code, int spiked) {
    const auto read = [&](std::size_t slot) {
      if (writer_[slot] != none) {
        ++uses_[writer_[slot]];
      }
    };
    for (std::size_t k = 0; k < code.size(); ++k) {
      const std::size_t operands = opcodes()[code[k].opcode].operands.size();
      for (std::size_t o = 0; o < operands; ++o) {
        read(code[k].operand[o]);
      }
      writer_[code[k].target] = k;
    }
    if (spiked >= 0) {
      read(static_cast<std::size_t>(spiked));
    }
  }

  // The instruction whose only reader could do its work, or null: its result is a register that
  // nothing else reads, and its operands are still what they were.
  Node* producer(std::size_t slot) {
    return slot < slots_.registers ? nullptr : usable(writer_[slot]);
  }
  // without: a slot that an instruction after it wrote, which is gone.
  Node* usable(std::size_t k, std::size_t without = none) {
    if (k == none || uses_[k] != 1) {
      return nullptr;
    }
    Node& node = nodes_[k];
    for (std::size_t o = 0; o < node.in.operands; ++o) {
      const std::size_t operand = node.in.operand[o];
      const std::size_t own = (operand == node.in.target ? 1 : 0) +
                              (operand == without ? 1 : 0);  // would not be written
      if (version_[operand] != node.versions[o] + own) {
        return nullptr;
      }
    }
    return &node;
  }

  void add(const Instruction& in) {
    Node node;
    node.in.opcode = static_cast<Opcode>(in.opcode);
    node.in.target = in.target;
    node.in.operands = static_cast<std::uint8_t>(opcodes()[in.opcode].operands.size());
    std::copy_n(in.operand.begin(), node.in.operands, node.in.operand.begin());
    node.items = items_of(node.in.opcode);
    if (node.in.opcode == Opcode::SELECT && node.in.operand[0] == slots_.held) {
      hold(node);
    } else if (!node.items.empty()) {
      merge(node);
    }
    put(std::move(node));
  }

  void put(Node&& node) {
    for (std::size_t o = 0; o < node.in.operands; ++o) {
      node.versions.push_back(version_[node.in.operand[o]]);
    }
    node.first_writer = node.in.operands == 0 ? none : writer_[node.in.operand[0]];
    const std::size_t target = node.in.target;
    nodes_.push_back(std::move(node));
    if (target < slots_.end) {
      writer_[target] = nodes_.size() - 1;
      ++version_[target];
    }
  }

  static void make_sum(FusedInstruction& in, const std::string& items,
                       const std::vector<std::uint16_t>& operands) {
    in.kind = FusedInstruction::sum;
    in.form = sum_form(items);
    in.operands = static_cast<std::uint8_t>(operands.size());
    std::ranges::copy(operands, in.operand.begin());
  }

  // A sum whose first or second item is a sum that nothing else reads.
  void merge(Node& node) {
    const std::string& own = node.items;
    std::vector<std::uint16_t> operands(node.in.operand.begin(),
                                        node.in.operand.begin() + node.in.operands);
    const std::size_t first = own[0] == '*' ? 2 : 1;  // operands of the first item
    for (const std::size_t at : {0u, 1u}) {
      if (at >= own.size() || own[at] != '+') {
        continue;
      }
      const std::size_t place = at == 0 ? 0 : first;
      Node* inner = producer(operands[place]);
      if (inner == nullptr || inner->items.empty() || inner->in.flag) {
        continue;
      }
      // The two first items may change places: x + y = y + x.
      const std::string items =
          inner->items + own[1 - at] + own.substr(std::min<std::size_t>(2, own.size()));
      const std::string merged = own.size() == 1 ? inner->items : items;
      if (!is_compiled(merged)) {
        continue;
      }
      std::vector<std::uint16_t> all(inner->in.operand.begin(),
                                     inner->in.operand.begin() + inner->in.operands);
      operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(place));
      all.insert(all.end(), operands.begin(), operands.end());
      node.items = merged;
      make_sum(node.in, merged, all);
      inner->gone = true;
      return;
    }
  }

  // SELECT(HELD, before, after), where `after` may be a sum that nothing else reads.
  void hold(Node& node) {
    const std::uint16_t before = node.in.operand[1], after = node.in.operand[2];
    std::string items = "+";
    std::vector<std::uint16_t> operands{after};
    Node* inner = producer(after);
    if (inner != nullptr && !inner->items.empty() && !inner->in.flag && is_compiled(inner->items)) {
      items = inner->items;
      operands.assign(inner->in.operand.begin(), inner->in.operand.begin() + inner->in.operands);
      inner->gone = true;
    }
    operands.push_back(before);
    make_sum(node.in, items, operands);
    node.in.flag = true;
  }

  // The last instruction: a comparison, or its opposite, that nothing else reads; or any mask.
  void test(std::size_t slot) {
    Node last;
    last.in.kind = FusedInstruction::spikes;
    last.in.opcode = Opcode::NOT;
    last.in.target = static_cast<std::uint16_t>(slots_.end);  // no slot of the program
    last.in.operands = 1;
    last.in.operand[0] = static_cast<std::uint16_t>(slot);
    Node* inner = producer(slot);
    if (inner != nullptr && inner->in.opcode == Opcode::NOT) {
      last.in.flag = true;
      last.in.operand[0] = inner->in.operand[0];
      inner->gone = true;
      inner = last.in.operand[0] < slots_.registers ? nullptr
                                                    : usable(inner->first_writer, inner->in.target);
    }
    if (inner != nullptr && (inner->in.opcode == Opcode::LT || inner->in.opcode == Opcode::LE)) {
      last.in.opcode = inner->in.opcode;
      last.in.operands = 2;
      std::copy_n(inner->in.operand.begin(), 2, last.in.operand.begin());
      inner->gone = true;
    }
    put(std::move(last));
  }

  const Program::Slots& slots_;
  std::vector<std::size_t> uses_;     // by instruction
  std::vector<std::size_t> writer_;   // by slot: the instruction that wrote it last
  std::vector<std::size_t> version_;  // by slot: how often it was written
  std::vector<Node> nodes_;           // by instruction
};

}  // namespace

std::vector<FusedInstruction> fuse(const std::vector<Instruction>& code, int spiked,
                                   const Program::Slots& slots) {
  return Fuser(code, spiked, slots).take();
}

}  // namespace spikelet
