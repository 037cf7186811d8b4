#include <algorithm>
#include <span>

#include "core/passes/pass.h"

namespace mimus::passes {

namespace {

using namespace ir;

// How a comparison tells what it is of two numbers when it is given two zeros in place of a NaN and its partner.
enum class OfNans : u8 { no_compare, same, inverted, itself };

OfNans of_nans(Op op) {
  switch (op) {
    case Op::flt:
    case Op::flt_quiet: return OfNans::same;  // 0 < 0 is false, as it should be
    case Op::fle:
    case Op::fle_quiet:
    case Op::feq: return OfNans::inverted;  // true
    case Op::funordered: return OfNans::itself;
    default: return OfNans::no_compare;
  }
}

bool is_scalar_float(Type type) { return type == f64 || type == f32 || type == f16; }

constexpr ValueId kNone = kNoValue;

// From a read of the flags to the write that restores them.
struct Window {
  u32 read = 0, write = 0;
};

class Silencer {
 public:
  Silencer(Block& block) : block_(block), old_(block.insts) { renamed_.resize(old_.size()); }

  bool find(u32 read, Window& out) const;
  void run(std::span<const Window> windows);

 private:
  bool restores(u32 read, u32 write) const;
  ValueId add(Op op, Type type, ValueId a, ValueId b = kNone, ValueId c = kNone, u64 imm = 0) {
    block_.insts.push_back({.op = op, .attr = 0, .type = type, .args = {a, b, c, kNone}, .imm = imm});
    return ValueId(block_.insts.size() - 1);
  }
  ValueId bits_of(ValueId number, Type bits) {
    const Inst& inst = block_.insts[number];
    if (inst.op == Op::bitcast && block_.insts[inst.args[0]].type == bits) return inst.args[0];
    return add(Op::bitcast, bits, number);
  }
  ValueId silent(const Inst& compare);
  void copy(const Inst& inst, u32 index);

  Block& block_;
  const std::vector<Inst> old_;
  std::vector<ValueId> renamed_;
};

// Is what is written at `write` what was read at `read`? It may have gone through a slot, and been masked with the five
// flags there are.
bool Silencer::restores(u32 read, u32 write) const {
  const auto is_flags = [&](ValueId v) {
    if (v == read) return true;
    if (old_[v].op != Op::read || v < read) return false;
    for (u32 i = v; i-- > read;)
      if (old_[i].op == Op::write && old_[i].imm == old_[v].imm) return old_[i].args[0] == read;
    return false;
  };
  constexpr u64 kFlags = 31;
  const ValueId v = old_[write].args[0];
  if (is_flags(v)) return true;
  const Inst& mask = old_[v];
  if (mask.op != Op::and_ || !is_flags(mask.args[0])) return false;
  const Inst& amount = old_[mask.args[1]];
  return amount.op == Op::constant && (amount.imm & kFlags) == kFlags;
}

bool Silencer::find(u32 read, Window& out) const {
  bool compares = false;
  for (u32 i = read + 1; i < old_.size(); ++i) {
    const Inst& inst = old_[i];
    if (inst.op == Op::fp_flags_write) {
      out = {read, i};
      return compares && restores(read, i);
    }
    const Effects effects = info(inst.op).effects;
    if (has(effects, Effects::fp_env)) {
      if (of_nans(inst.op) == OfNans::no_compare || !is_scalar_float(old_[inst.args[0]].type)) return false;
      compares = true;
    } else if (has(effects, Effects::may_fault | Effects::may_leave)) {
      return false;  // the flags can be seen there
    }
  }
  return false;
}

// The comparison of two numbers, or of two zeros if one of them is a NaN. Twice its bits is above twice infinity's.
ValueId Silencer::silent(const Inst& compare) {
  const Type number = old_[compare.args[0]].type;
  const Type bits = number == f64 ? i64 : number == f32 ? i32 : i16;
  const u64 infinity = number == f64 ? 0x7ff0000000000000 : number == f32 ? 0x7f800000 : 0x7c00;
  const u64 all = bits == i64 ? ~u64{0} : (u64{1} << bits.bits()) - 1;
  const ValueId a = bits_of(renamed_[compare.args[0]], bits), b = bits_of(renamed_[compare.args[1]], bits);
  const ValueId one = add(Op::constant, bits, kNone, kNone, kNone, 1);
  const ValueId most = add(Op::umax, bits, add(Op::shl, bits, a, one), add(Op::shl, bits, b, one));
  const ValueId nan = add(Op::ult, i1, add(Op::constant, bits, kNone, kNone, kNone, infinity * 2 & all), most);
  if (of_nans(compare.op) == OfNans::itself) return nan;
  const ValueId zero = add(Op::constant, bits, kNone, kNone, kNone, 0);
  const ValueId left = add(Op::bitcast, number, add(Op::select, bits, nan, zero, a));
  const ValueId right = add(Op::bitcast, number, add(Op::select, bits, nan, zero, b));
  const ValueId result = add(compare.op, compare.type, left, right);
  if (of_nans(compare.op) == OfNans::same) return result;
  return add(Op::and_, i1, result, add(Op::not_, i1, nan));
}

void Silencer::copy(const Inst& inst, u32 index) {
  Inst moved = inst;
  for (unsigned k = 0, count = arity(inst); k < count; ++k) moved.args[k] = renamed_[inst.args[k]];
  if (info(inst.op).imm == ImmKind::exit) {
    ValueId& value = block_.exits[inst.imm].value;
    if (value != kNone) value = renamed_[value];
  }
  block_.insts.push_back(moved);
  renamed_[index] = ValueId(block_.insts.size() - 1);
}

void Silencer::run(std::span<const Window> windows) {
  block_.insts.clear();
  size_t next = 0;
  for (u32 i = 0; i < old_.size(); ++i) {
    const bool inside = next < windows.size() && i > windows[next].read;
    if (inside && i == windows[next].write) {
      ++next;
    } else if (inside && of_nans(old_[i].op) != OfNans::no_compare) {
      renamed_[i] = silent(old_[i]);
    } else {
      copy(old_[i], i);
    }
  }
}

}  // namespace

bool silence_compares(Block& block) {
  const auto writes = [](const Inst& inst) { return inst.op == Op::fp_flags_write; };
  if (std::ranges::none_of(block.insts, writes)) return false;
  Silencer silencer(block);
  std::vector<Window> windows;
  Window window;
  for (u32 i = 0; i < block.insts.size(); ++i)
    if (block.insts[i].op == Op::fp_flags_read && silencer.find(i, window)) windows.push_back(window);
  if (windows.empty()) return false;
  silencer.run(windows);
  return true;
}

}  // namespace mimus::passes
