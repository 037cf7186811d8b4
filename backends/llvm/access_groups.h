// Accesses of a block that share one look into the TLB: they have the same base register and lie close together. The
// first one looks the whole range up and leaves the host address of the base behind, or 0 when the range is not on one
// page of the TLB: then each of the others takes its slow path. Nothing between them can change the TLB but slow paths,
// and those leave what has been looked up valid.
#pragma once

#include <span>
#include <vector>

#include "core/engine/engine.h"

namespace llvm {
class Value;
}

namespace mimus::jit {

struct AccessGroup {
  ir::ValueId base = 0;
  s64 low = 0, high = 0;  // range of displacements from it
  bool writes = false;
  u32 members = 0;
  llvm::Value* host = nullptr;  // i64: host address of the base or 0, once the first access has been lowered
};

class AccessGroups {
 public:
  void find(const ir::Block& block, std::span<const HelperDesc> helpers);
  // The group of a load or store, if it shares one with others; `displacement` is from the group's base.
  AccessGroup* of(ir::ValueId access, s64& displacement);

 private:
  struct Member {
    u32 group;
    s64 displacement;
  };
  static constexpr u32 kNone = ~u32{0};
  struct Open {
    ir::ValueId base;
    u32 group;
    bool passed_exit;  // since the first access
  };
  void add(const ir::Block& block, ir::ValueId id);

  std::vector<AccessGroup> groups_;
  std::vector<Member> members_;  // by instruction
  std::vector<Open> open_;
};

}  // namespace mimus::jit
