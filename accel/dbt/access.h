// What the slow paths of both memory models say alike about an access: its shape, its alignment rule, the order of its
// bytes, and what an atomic operation leaves in memory.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/ir/op.h"

namespace mimus::dbt {

// The descriptor of core/engine/runtime.h, taken apart.
struct AccessShape {
  unsigned bytes;
  ir::MemAttr attr;
  explicit AccessShape(u32 desc) : bytes(1u << (desc & 15)), attr(ir::MemAttr::unpack(u16(desc >> 8))) {}

  // Does the alignment rule forbid an access at `va`?
  bool misaligned(GuestVa va) const {
    return attr.align == ir::Align::natural    ? (va & (bytes - 1)) != 0
           : attr.align == ir::Align::atomic16 ? (va & 15) + bytes > 16
                                               : false;
  }
};

// The bytes of a value of up to 8 or, in two words, of 16 bytes, in the other order.
inline u64 swap_bytes(u64 value, unsigned bytes) { return __builtin_bswap64(value) >> (64 - 8 * bytes); }
inline void swap_wide(u64 (&value)[2], unsigned bytes) {
  if (bytes > 8) std::swap(value[0], value[1]);
  for (u64& half : value) half = swap_bytes(half, std::min(bytes, 8u));
}

// What an amo op leaves in memory.
template <class T>
T combine(ir::Op op, T old, T operand) {
  using S = std::make_signed_t<T>;
  using enum ir::Op;
  switch (op) {
    case amo_swap: return operand;
    case amo_add: return T(old + operand);
    case amo_and: return old & operand;
    case amo_or: return old | operand;
    case amo_xor: return old ^ operand;
    case amo_smin: return S(old) < S(operand) ? old : operand;
    case amo_smax: return S(old) > S(operand) ? old : operand;
    case amo_umin: return std::min(old, operand);
    case amo_umax: return std::max(old, operand);
    default: __builtin_trap();  // engines pass amo ops only
  }
}

}  // namespace mimus::dbt
