// Vectors: moving lanes about, and reductions.
#include "backends/interp/lanes.h"

namespace mimus::interp {

namespace {

// In this file `attr` holds the bytes of a lane and `extra` the number of lanes.
const Record* run_splat(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) std::memcpy(frame + r->result + i * r->attr, frame + r->a, r->attr);
  return r + 1;
}
const Record* run_lane_get(const Record* r, u8* frame, CpuState*) {
  u8 lane[16] = {};
  std::memcpy(lane, frame + r->a + r->imm * r->attr, r->attr);
  std::memcpy(frame + r->result, lane, r->attr > 8 ? 16 : 8);
  return r + 1;
}
const Record* run_lane_set(const Record* r, u8* frame, CpuState*) {
  std::memcpy(frame + r->result, frame + r->a, r->extra * r->attr);
  std::memcpy(frame + r->result + r->imm * r->attr, frame + r->b, r->attr);
  return r + 1;
}
// Lanes of b are W bits wide.
template <unsigned W>
const Record* run_lane_pick(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) {
    const Uint<W> index = lane_at<W>(frame, r->b, i).bits;
    u8* to = frame + r->result + i * r->attr;
    if (index < r->extra)
      std::memcpy(to, frame + r->a + u32(index) * r->attr, r->attr);
    else
      std::memset(to, 0, r->attr);
  }
  return r + 1;
}
const Record* run_shuffle(const Record* r, u8* frame, CpuState*) {
  const u8* indices = program_of(frame).pool.data() + r->imm;
  for (u32 i = 0; i < r->extra; ++i) {
    const u32 index = indices[i];
    const u32 from = index < r->extra ? r->a + index * r->attr : r->b + (index - r->extra) * r->attr;
    std::memcpy(frame + r->result + i * r->attr, frame + from, r->attr);
  }
  return r + 1;
}
const Record* run_mask_bits(const Record* r, u8* frame, CpuState*) {
  u64 mask = 0;
  for (u32 i = 0; i < r->extra; ++i) mask |= u64{get<u8>(frame + r->a + i)} << i;
  put<u64>(frame + r->result, mask);
  return r + 1;
}

template <class F, unsigned W>
const Record* run_reduce(const Record* r, u8* frame, CpuState*) {
  Uint<W> value = lane_at<W>(frame, r->a).bits;
  for (u32 i = 1; i < r->extra; ++i) value = Uint<W>(F{}(value, lane_at<W>(frame, r->a, i).bits));
  set_scalar<W>(frame, r->result, value);
  return r + 1;
}
template <class F>
Handler reduce(Lowering& l, F) {
  l.use(1);
  l.record().extra = l.arg_type(0).lanes;
  return by_width(l.type().lane_bits(), []<unsigned W>() -> Handler { return run_reduce<F, W>; });
}

void lane_fields(Lowering& l, unsigned operands, ir::Type vector) {
  l.use(operands);
  l.record().extra = vector.lanes;
  l.record().attr = u16(vector.bytes() / vector.lanes);
  l.record().imm = l.inst().imm;
}

}  // namespace

Handler lower_splat(Lowering& l) {
  lane_fields(l, 1, l.type());
  return run_splat;
}
Handler lower_lane_get(Lowering& l) {
  lane_fields(l, 1, l.arg_type(0));
  return run_lane_get;
}
Handler lower_lane_set(Lowering& l) {
  lane_fields(l, 2, l.type());
  return run_lane_set;
}
Handler lower_lane_pick(Lowering& l) {
  lane_fields(l, 2, l.type());
  return by_width(l.arg_type(1).lane_bits(), []<unsigned W>() -> Handler { return run_lane_pick<W>; });
}
Handler lower_shuffle(Lowering& l) {
  lane_fields(l, 2, l.type());
  l.record().imm += l.pool_base();
  return run_shuffle;
}
Handler lower_mask_bits(Lowering& l) {
  lane_fields(l, 1, l.arg_type(0));
  return run_mask_bits;
}
Handler lower_reduce_add(Lowering& l) {
  return reduce(l, [](auto a, auto b) { return a + b; });
}
Handler lower_reduce_or(Lowering& l) {
  return reduce(l, [](auto a, auto b) { return a | b; });
}
Handler lower_reduce_umax(Lowering& l) {
  return reduce(l, [](auto a, auto b) { return a > b ? a : b; });
}

}  // namespace mimus::interp
