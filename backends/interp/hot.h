// Handlers for the ops that scalar code consists of: they take operands from the frame, from guest slots or from the
// record, and may write the result, widened to i64, to a slot. One record does what up to five instructions say.
#pragma once

#include "backends/interp/lanes.h"

namespace mimus::interp {

template <Source S, class U>
[[gnu::always_inline]] inline U operand(const u8* frame, const CpuState* state, u32 place, u64 imm) {
  if constexpr (S == Source::imm)
    return U(imm);
  else if constexpr (S == Source::slot)
    return get<U>(reinterpret_cast<const u8*>(state) + place);
  else
    return get<U>(frame + place);
}

template <Target T, class U>
[[gnu::always_inline]] inline void finish(u8* frame, CpuState* state, u32 place, U value) {
  u8* slot = reinterpret_cast<u8*>(state) + place;
  if constexpr (T == Target::frame)
    put_scalar<U>(frame + place, value);
  else if constexpr (T == Target::slot_sext)
    put<u64>(slot, u64(s64(std::make_signed_t<U>(value))));
  else
    put<u64>(slot, u64(value));
}

// Turns run-time choices into template arguments.
template <class Make>
Handler by_source(Source source, Make make) {
  return source == Source::slot ? make.template operator()<Source::slot>() : make.template operator()<Source::frame>();
}
template <class Make>
Handler by_operand(Source source, Make make) {
  return source == Source::imm ? make.template operator()<Source::imm>() : by_source(source, make);
}

template <class F, unsigned W, Source A, Source B, Target T>
const Record* hot2(const Record* r, u8* frame, CpuState* state) {
  const Lane<W> a{operand<A, Uint<W>>(frame, state, r->a, r->imm)};
  const Lane<W> b{operand<B, Uint<W>>(frame, state, r->b, r->imm)};
  finish<T>(frame, state, r->result, Uint<W>(F{}(a, b)));
  return next(r, frame, state);
}
template <class F, unsigned W, Source A, Source B>
const Record* hot_compare(const Record* r, u8* frame, CpuState* state) {
  const Lane<W> a{operand<A, Uint<W>>(frame, state, r->a, r->imm)};
  const Lane<W> b{operand<B, Uint<W>>(frame, state, r->b, r->imm)};
  put<u64>(frame + r->result, F{}(a, b));
  return next(r, frame, state);
}
// extra: the exit.
template <class F, unsigned W, Source A, Source B>
const Record* hot_exit(const Record* r, u8* frame, CpuState* state) {
  const Lane<W> a{operand<A, Uint<W>>(frame, state, r->a, r->imm)};
  const Lane<W> b{operand<B, Uint<W>>(frame, state, r->b, r->imm)};
  if (F{}(a, b)) return take_exit(r, r->extra, frame, state);
  return next(r, frame, state);
}

// Places for a word's two operands; the second may be a constant.
struct HotOperands {
  Source a, b;
};
inline HotOperands hot_operands(Lowering& l) {
  HotOperands sources{};
  const Place a = l.place(l.inst().args[0]);
  l.record().a = a.offset;
  sources.a = a.source;
  if (const auto imm = l.constant(1)) {
    l.record().imm = *imm;
    sources.b = Source::imm;
  } else {
    const Place b = l.place(l.inst().args[1]);
    l.record().b = b.offset;
    sources.b = b.source;
  }
  return sources;
}
inline bool hot_type(ir::Type type) { return type == ir::i64 || type == ir::i32; }

template <class Make>
Handler by_hot_width(ir::Type type, Make make) {
  return type == ir::i64 ? make.template operator()<64>() : make.template operator()<32>();
}

template <class F>
Handler hot_binary(Lowering& l, F f) {
  if (!hot_type(l.type())) return lanewise<2>(l, f);
  const HotOperands from = hot_operands(l);
  u32 slot = 0;
  const Target target = l.take_write(slot);
  if (target == Target::frame)
    l.use_result();
  else
    l.record().result = slot;
  return by_hot_width(l.type(), [&]<unsigned W>() {
    return by_source(from.a, [&]<Source A>() {
      return by_operand(from.b, [&]<Source B>() -> Handler {
        if (target == Target::slot_sext) return hot2<F, W, A, B, Target::slot_sext>;
        return target == Target::frame ? &hot2<F, W, A, B, Target::frame> : &hot2<F, W, A, B, Target::slot>;
      });
    });
  });
}

template <class F>
Handler hot_comparison(Lowering& l, F f) {
  if (!hot_type(l.arg_type(0))) return lanewise<2, 1>(l, f);
  const HotOperands from = hot_operands(l);
  const bool exits = take_following_exit(l);
  if (!exits) l.use_result();
  return by_hot_width(l.arg_type(0), [&]<unsigned W>() {
    return by_source(from.a, [&]<Source A>() {
      return by_operand(
          from.b, [&]<Source B>() -> Handler { return exits ? &hot_exit<F, W, A, B> : &hot_compare<F, W, A, B>; });
    });
  });
}

// -- sext and zext of a word to i64 --
template <unsigned W, bool Sign, Source A, Target T>
const Record* hot_widen(const Record* r, u8* frame, CpuState* state) {
  const Lane<W> a{operand<A, Uint<W>>(frame, state, r->a, 0)};
  finish<T>(frame, state, r->result, Sign ? u64(s64(a.s())) : u64(a.bits));
  return next(r, frame, state);
}
template <bool Sign>
Handler hot_extend(Lowering& l) {
  const Place a = l.place(l.inst().args[0]);
  l.record().a = a.offset;
  u32 slot = 0;
  const Target target = l.take_write(slot);
  if (target == Target::frame)
    l.use_result();
  else
    l.record().result = slot;
  return by_width(l.arg_type(0).bits(), [&]<unsigned W>() {
    return by_source(a.source, [&]<Source A>() -> Handler {
      if constexpr (W > 64)
        return nullptr;
      else
        return target == Target::frame ? &hot_widen<W, Sign, A, Target::frame> : &hot_widen<W, Sign, A, Target::slot>;
    });
  });
}

}  // namespace mimus::interp
