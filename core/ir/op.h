// What the rows of ops.def mean: enum Op and OpInfo.
#pragma once

#include <array>
#include <string_view>

#include "core/ir/type.h"

namespace mimus::ir {

enum class Op : u16 {
#define OP(name, ...) name,
#include "core/ir/ops.def"
#undef OP
};

inline constexpr unsigned kOpCount = 0
#define OP(...) +1
#include "core/ir/ops.def"
#undef OP
    ;

// r: result type, a b c: operand types. "int" = i1..i128 lanes, "float" = f16..f80 lanes.
enum class TypeRule : u8 {
  none,        // no operands, no result
  any,         // no operands, any result
  same,        // r = a = b = c int
  fsame,       // r = a = b = c float
  compare,     // a = b int; r = i1 with the lanes of a
  fcompare,    // a = b float; r = i1 with the lanes of a
  carry,       // a = b int, c = r = i1 with the lanes of a
  adc,         // a = b = r int, c = i1 with the lanes of a
  select,      // a = i1 (or i1 lanes), b = c = r
  widen,       // int, r wider than a, same lanes
  narrow,      // int, r narrower than a, same lanes
  bitcast,     // r and a have equal bits; neither i1 nor f80
  pair,        // a = b int, i8 and up, r twice as wide
  crc,         // a = r = i32, b = i8..i64
  fclass,      // a float, r = i64
  fconvert,    // a, r different floats, same lanes
  fto_int,     // a float, r = i8..i64, same lanes
  ffrom_int,   // a = i8..i64, r float, same lanes
  unbox,       // a = i64, r f16 / bf16 / f32
  box,         // a f16 / bf16 / f32, r = i64
  splat,       // a scalar, r vector of it
  lane_get,    // a vector, r its element
  lane_set,    // a = r vector, b its element
  same_elem,   // a = r vector, b int vector with the same lanes
  shuffle,     // a = b = r vector
  reduce,      // a int vector, r its element
  mask_bits,   // a = i1 lanes (at most 64), r = i64
  v2i64,       // r = a = b = c = v2i64
  v4i32,       // r = a = b = c = v4i32
  v16i8,       // r = a = b = c = v16i8
  slot_read,   // r = type of the slot
  slot_write,  // a = type of the slot
  flags,       // a = b = c int; no result
  load,        // a = i64; r any (masked: b = i1 lanes, c = r)
  store,       // a = i64, b any; no result (masked: c = i1 lanes)
  store_c,     // a = i64, b int; r = i64
  amo,         // a = i64, b = r int
  cas,         // a = i64, b = c = r int
  helper,      // operands int up to i64, f32 or f64; r void or i64
  exit,        // a = i1
  effect,      // a = i64; no result
};

enum class AttrKind : u8 { none, mem, fp, fpmin, nanrule, fence, helper_args };
enum class ImmKind : u8 { none, value, pool, slot, pc, field, lane, disp, helper, exit, flags, poly, size };

// What an op does besides computing its result. A pass asks these, never a list of opcodes.
enum class Effects : u16 {
  pure = 0,
  reads_slot = 1 << 0,
  writes_slot = 1 << 1,
  reads_memory = 1 << 2,
  writes_memory = 1 << 3,
  may_fault = 1 << 4,  // may raise a precise guest exception: all slots must be observable
  may_leave = 1 << 5,  // may leave the block: all slots must be observable
  ends_block = 1 << 6,
  fp_env = 1 << 7,   // reads the rounding mode, accumulates exception flags
  barrier = 1 << 8,  // orders memory accesses
  marker = 1 << 9,   // kept, but computes nothing
  // the joined names that ops.def uses
  mem_read = reads_memory | may_fault,
  mem_write = writes_memory | may_fault,
  mem_rmw = reads_memory | writes_memory | may_fault | barrier,
  fence = barrier,
  fp = fp_env,
  helper = reads_slot | writes_slot | reads_memory | writes_memory | may_fault | may_leave | fp_env | barrier,
  exit = may_leave,
  end = may_leave | ends_block,
};
constexpr Effects operator|(Effects a, Effects b) { return Effects(u16(a) | u16(b)); }
constexpr bool has(Effects set, Effects any_of) { return (u16(set) & u16(any_of)) != 0; }

struct OpInfo {
  std::string_view name;  // as in the text form: no trailing underscore
  TypeRule rule;
  u8 arity;
  AttrKind attr;
  ImmKind imm;
  Effects effects;  // for `helper` the worst case; its HelperDesc narrows it
  std::string_view doc;

  // True if an unused result makes the whole op superfluous.
  constexpr bool removable() const { return effects == Effects::pure || effects == Effects::reads_slot; }
};

namespace detail {
constexpr std::string_view strip(std::string_view name) {
  return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}
}  // namespace detail

inline constexpr std::array<OpInfo, kOpCount> kOps = {{
#define OP(name, rule, arity, attr, imm, effects, doc) \
  OpInfo{detail::strip(#name), TypeRule::rule, arity, AttrKind::attr, ImmKind::imm, Effects::effects, doc},
#include "core/ir/ops.def"
#undef OP
}};
constexpr const OpInfo& info(Op op) { return kOps[static_cast<unsigned>(op)]; }

// ---- attributes, packed into Inst::attr (16 bits) ----

enum class Align : u8 { none, natural, atomic16 };  // none: misaligned accesses work; natural: misaligned faults
enum class Order : u8 { relaxed, acquire, release, acq_rel, seq_cst };

// Memory access attributes. The size comes from the value's type.
struct MemAttr {
  Align align = Align::none;
  Order order = Order::relaxed;
  bool big_endian = false;
  u8 privilege = 0;  // 0: the current data regime; else 1 + regime index (core/memory/soft_tlb.h)
  constexpr u16 pack() const { return u16(u16(align) | u16(order) << 2 | u16(big_endian) << 5 | u16(privilege) << 6); }
  static constexpr MemAttr unpack(u16 v) {
    return {Align(v & 3), Order(v >> 2 & 7), bool(v >> 5 & 1), u8(v >> 6 & 15)};
  }
};

// Static rounding mode of an FP op. `current`: what the host unit is set to, which the run loop keeps equal to the
// guest's dynamic mode. `current` never means rmm or rod: frontends name those (they run as soft-float assists).
enum class Rounding : u8 { rne, rtz, rdn, rup, rmm, rod, current };
// NaN and out-of-range results of fto_*: saturate with NaN = maximum / saturate with NaN = 0 / the integer indefinite.
enum class IntRule : u8 { riscv, arm, x86 };
enum class NanRule : u8 { positive_default, x86_default };  // 7FF8... / FFF8...
enum class FpMinRule : u8 { number_2019, minmax_2019, num_2008, x86 };
enum class FenceKind : u8 { full, load_load, store_store, load_store, acquire, release };

struct FpAttr {
  Rounding rounding = Rounding::current;
  IntRule rule = IntRule::riscv;
  bool exact = true;   // fround, fto_*: raise inexact
  bool flush = false;  // MXCSR.DAZ and FTZ are set, which the host does otherwise than the guest: soft float
  constexpr u16 pack() const { return u16(u16(rounding) | u16(rule) << 3 | u16(exact) << 5 | u16(flush) << 6); }
  static constexpr FpAttr unpack(u16 v) {
    return {Rounding(v & 7), IntRule(v >> 3 & 3), bool(v >> 5 & 1), bool(v >> 6 & 1)};
  }
};

}  // namespace mimus::ir
