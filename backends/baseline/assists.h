// Ops, or rare cases of ops, that the compiler leaves to a C++ function: the interpreter's.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "backends/interp/single_op.h"

namespace mimus::baseline {

// Everything that matters of an op that does not depend on its place. Plain bytes without gaps, for saved code.
struct OpKey {
  struct PlainType {
    u8 elem = 0;
    u8 unused = 0;
    u16 lanes = 1;
  };
  u16 op = 0;
  u16 attr = 0;
  u32 operand_count = 0;
  u64 imm = 0;
  PlainType type;
  PlainType operands[4];
  u32 unused = 0;
};
static_assert(sizeof(OpKey) == 40);

// Owns the functions of one engine; thread-safe. What does not depend on its place is made once.
class Assists {
 public:
  explicit Assists(const RuntimeLayout& layout) : layout_(layout) {}

  // Whether `inst` depends on its place.
  static bool is_placed(const ir::Inst& inst);
  // Null if the interpreter cannot do it. `pool` is the block's.
  const interp::SingleOp* get(const ir::Inst& inst, std::span<const ir::Type> operands, std::span<const u8> pool,
                              const interp::SingleOp::Site& site);
  // Of one that is shared; null for keys of no such op.
  const interp::SingleOp* get(const OpKey& key);
  // The key of a shared one.
  bool find_key(const interp::SingleOp* single, OpKey& out);
  // Drops all that depends on a place; when all code has been dropped.
  void reset();

 private:
  const RuntimeLayout layout_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<interp::SingleOp>> shared_;  // by the bytes of an OpKey
  std::vector<std::unique_ptr<interp::SingleOp>> placed_;
};

// As a HelperFn: runs a SingleOp on a frame.
u64 run_single_op(CpuState* state, u64 single, u64 frame, u64, u64);
// As a function for HostRuntime::assist(): an op of one or two scalar operands; `single` is its SingleOp.
u64 run_scalar_op(CpuState* state, u64 a, u64 b, u64 single, u32);

}  // namespace mimus::baseline
