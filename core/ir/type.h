// IR value types: an element kind and a lane count (1 for scalars).
#pragma once

#include <string>
#include <string_view>

#include "core/base/types.h"

namespace mimus::ir {

enum class Elem : u8 { none, i1, i8, i16, i32, i64, i128, f16, bf16, f32, f64, f80 };

// Width in bits of one element; i1 is 1 bit wide (stored in a byte), f80 is 80 (stored in 16 bytes).
constexpr unsigned elem_bits(Elem e) {
  constexpr u8 widths[] = {0, 1, 8, 16, 32, 64, 128, 16, 16, 32, 64, 80};
  return widths[static_cast<unsigned>(e)];
}
constexpr bool is_float(Elem e) { return e >= Elem::f16; }
constexpr bool is_int(Elem e) { return e >= Elem::i1 && e <= Elem::i128; }

struct Type {
  Elem elem = Elem::none;
  u16 lanes = 1;

  constexpr bool operator==(const Type&) const = default;
  constexpr bool is_void() const { return elem == Elem::none; }
  constexpr bool is_vector() const { return lanes > 1; }
  constexpr bool is_int() const { return ir::is_int(elem); }
  constexpr bool is_float() const { return ir::is_float(elem); }
  constexpr unsigned lane_bits() const { return elem_bits(elem); }
  constexpr unsigned bits() const { return elem_bits(elem) * lanes; }
  // Bytes in guest memory and in a slot: i1 takes 1 byte a lane, f80 takes 16.
  constexpr unsigned bytes() const { return elem == Elem::i1 ? lanes : elem == Elem::f80 ? 16u * lanes : bits() / 8; }
};

inline constexpr Type kVoid{};
inline constexpr Type i1{Elem::i1}, i8{Elem::i8}, i16{Elem::i16}, i32{Elem::i32}, i64{Elem::i64}, i128{Elem::i128};
inline constexpr Type f16{Elem::f16}, bf16{Elem::bf16}, f32{Elem::f32}, f64{Elem::f64}, f80{Elem::f80};

constexpr Type vec(Elem e, u16 lanes) { return {e, lanes}; }

// "i64", "v4f32". parse_type returns a void type for anything else.
std::string to_string(Type type);
Type parse_type(std::string_view text);

}  // namespace mimus::ir
