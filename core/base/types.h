// Fixed-width integer names (signed ones are sN: iN names IR types) and the few bit helpers that every layer uses.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mimus {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using u128 = unsigned __int128;
using s128 = __int128;

using GuestPc = u64;  // guest virtual address of an instruction
using GuestVa = u64;  // guest virtual address
using GuestPa = u64;  // guest physical address

inline constexpr unsigned kPageBits = 12;
inline constexpr u64 kPageSize = u64{1} << kPageBits;
inline constexpr u64 kPageMask = kPageSize - 1;

// Bits [lsb, lsb + width) of `value`, zero-extended. width is 1..64.
constexpr u64 bits(u64 value, unsigned lsb, unsigned width) { return (value >> lsb) & (~u64{0} >> (64 - width)); }
constexpr bool bit(u64 value, unsigned index) { return (value >> index) & 1; }

// The low `width` bits of `value`, sign-extended. width is 1..64.
constexpr s64 sign_extend(u64 value, unsigned width) { return static_cast<s64>(value << (64 - width)) >> (64 - width); }

constexpr u64 align_down(u64 value, u64 alignment) { return value & ~(alignment - 1); }
constexpr u64 align_up(u64 value, u64 alignment) { return align_down(value + alignment - 1, alignment); }

}  // namespace mimus
