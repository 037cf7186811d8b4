// Integer lanes: writes an op once, as a function of lanes, and makes handlers of it for every width, for scalars, for
// a constant second operand, and for vectors.
#pragma once

#include <type_traits>

#include "backends/interp/lower.h"

namespace mimus::interp {

template <unsigned W>
using Uint = std::conditional_t<
    W <= 8, u8,
    std::conditional_t<W == 16, u16, std::conditional_t<W == 32, u32, std::conditional_t<W == 64, u64, u128>>>>;
template <unsigned W>
using Sint = std::conditional_t<
    W <= 8, s8,
    std::conditional_t<W == 16, s16, std::conditional_t<W == 32, s32, std::conditional_t<W == 64, s64, s128>>>>;

// A lane of W bits: 1, 8, 16, 32, 64 or 128. An i1 is 0 or 1 in a byte.
template <unsigned W>
struct Lane {
  using U = Uint<W>;
  using S = Sint<W>;
  static constexpr unsigned width = W;
  static constexpr U mask = W == 1 ? U(1) : U(~U{0});
  static constexpr U sign = U(U{1} << (W - 1));

  U bits;

  constexpr S s() const { return W == 1 ? S(-S(bits)) : S(bits); }
  static constexpr U wrap(U value) { return U(value & mask); }
};

// Calls make<W>() for the lane width in bits.
template <class Make>
Handler by_width(unsigned bits, Make make) {
  switch (bits) {
    case 1: return make.template operator()<1>();
    case 8: return make.template operator()<8>();
    case 16: return make.template operator()<16>();
    case 32: return make.template operator()<32>();
    case 64: return make.template operator()<64>();
    case 128: return make.template operator()<128>();
  }
  return nullptr;
}

template <unsigned W>
Lane<W> lane_at(const u8* frame, u32 place, u32 index = 0) {
  return {get<Uint<W>>(frame + place + index * sizeof(Uint<W>))};
}
template <unsigned W, class V>
void set_lane(u8* frame, u32 place, u32 index, V value) {
  put<Uint<W>>(frame + place + index * sizeof(Uint<W>), Lane<W>::wrap(Uint<W>(value)));
}
template <unsigned W, class V>
void set_scalar(u8* frame, u32 place, V value) {
  put_scalar<Uint<W>>(frame + place, Lane<W>::wrap(Uint<W>(value)));
}

// -- F(a) --
template <class F, unsigned W, unsigned R>
const Record* scalar1(const Record* r, u8* frame, CpuState* state) {
  set_scalar<R>(frame, r->result, F{}(lane_at<W>(frame, r->a)));
  return next(r, frame, state);
}
template <class F, unsigned W, unsigned R>
const Record* vector1(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) set_lane<R>(frame, r->result, i, F{}(lane_at<W>(frame, r->a, i)));
  return r + 1;
}

// -- F(a, b) --
template <class F, unsigned W, unsigned R>
const Record* scalar2(const Record* r, u8* frame, CpuState* state) {
  set_scalar<R>(frame, r->result, F{}(lane_at<W>(frame, r->a), lane_at<W>(frame, r->b)));
  return next(r, frame, state);
}
template <class F, unsigned W, unsigned R>
const Record* scalar2_imm(const Record* r, u8* frame, CpuState* state) {
  set_scalar<R>(frame, r->result, F{}(lane_at<W>(frame, r->a), Lane<W>{Uint<W>(r->imm)}));
  return next(r, frame, state);
}
template <class F, unsigned W, unsigned R>
const Record* vector2(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i)
    set_lane<R>(frame, r->result, i, F{}(lane_at<W>(frame, r->a, i), lane_at<W>(frame, r->b, i)));
  return r + 1;
}

// -- F(a, b, carry) --
template <class F, unsigned W, unsigned R>
const Record* scalar3(const Record* r, u8* frame, CpuState* state) {
  set_scalar<R>(frame, r->result, F{}(lane_at<W>(frame, r->a), lane_at<W>(frame, r->b), lane_at<1>(frame, r->c)));
  return next(r, frame, state);
}
template <class F, unsigned W, unsigned R>
const Record* vector3(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i)
    set_lane<R>(frame, r->result, i,
                F{}(lane_at<W>(frame, r->a, i), lane_at<W>(frame, r->b, i), lane_at<1>(frame, r->c, i)));
  return r + 1;
}

// The handler of an op on `operands` lanes of the first operand's type; the result has R bits a lane (0: as many).
template <unsigned Operands, unsigned R = 0, class F>
Handler lanewise(Lowering& l, F) {
  const ir::Type type = l.arg_type(0);
  const auto imm = Operands == 2 && !type.is_vector() ? l.constant(1) : std::nullopt;
  l.use(imm ? 1 : Operands);
  l.record().extra = type.lanes;
  if (imm) l.record().imm = *imm;
  return by_width(type.lane_bits(), [&]<unsigned W>() -> Handler {
    constexpr unsigned Result = R ? R : W;
    const bool vector = type.is_vector();
    if constexpr (Operands == 1)
      return vector ? &vector1<F, W, Result> : &scalar1<F, W, Result>;
    else if constexpr (Operands == 2)
      return vector ? &vector2<F, W, Result> : imm ? &scalar2_imm<F, W, Result> : &scalar2<F, W, Result>;
    else
      return vector ? &vector3<F, W, Result> : &scalar3<F, W, Result>;
  });
}

}  // namespace mimus::interp
