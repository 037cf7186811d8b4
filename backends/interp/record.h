// What an op becomes: a record with the function that carries it out and its operands' places, run one after another.
#pragma once

#include "core/engine/engine.h"

namespace mimus::interp {

struct Record;

// Carries out `r` and what follows it. Values live in `frame`, guest slots in `state`. The result is where to go on, or
// null when the code has been left; a handler may also return any record to make the driving loop call it, which
// keeps the host stack flat.
using Handler = const Record* (*)(const Record* r, u8* frame, CpuState* state);

// Values of at most 64 bits occupy 8 bytes of the frame, zero-extended; wider ones and vectors Type::bytes() with
// packed little-endian lanes, rounded up to 16.
struct Record {
  Handler run = nullptr;
  u32 a = 0, b = 0, c = 0;  // byte offsets of the operands in the frame
  u32 result = 0;           // byte offset of the result
  u64 imm = 0;
  u32 extra = 0;  // lanes or bytes of the type, see each handler
  u16 attr = 0;   // Inst::attr
  u16 insn = 0;   // index into Program::insns of the guest instruction it belongs to
};
static_assert(sizeof(Record) == 40);

// A guest instruction, for precise exceptions.
struct Insn {
  GuestPc pc = 0;
  u32 length = 0;   // bytes
  u32 retired = 0;  // instructions of the block before it
};

// An exit, resolved.
struct ExitRecord {
  ir::Exit exit;
  u32 value = 0;          // frame offset of Exit::value
  bool counts = false;    // PrepareOptions::count_insns
  bool direct = false;    // jump or call
  bool linkable = false;  // CodeEdge::linkable
  u32 code_id = 0;
  u32 edge = 0;                   // index into Code::edges
  const Record* chain = nullptr;  // the target block when it is part of the same region
};

// What handlers of a piece of code share.
struct Program {
  std::vector<Record> records;
  std::vector<ir::Op> ops;  // of each record, for listings
  std::vector<Insn> insns;
  std::vector<ExitRecord> exits;
  std::vector<u8> pool;
  std::span<const HelperDesc> helpers;
  bool counts = false;
  u32 frame_bytes = 0;
};

// The first bytes of every frame.
struct FrameHead {
  const Program* program;
};
inline constexpr u32 kFrameStart = 16;

inline const Program& program_of(const u8* frame) { return *reinterpret_cast<const FrameHead*>(frame)->program; }

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool kTailCalls = true;  // the compiler turns calls in tail position into jumps
#else
inline constexpr bool kTailCalls = false;
#endif

// Goes on with the next record. To be returned by handlers without addressable locals; the others return `r + 1`.
[[gnu::always_inline]] inline const Record* next(const Record* r, u8* frame, CpuState* state) {
  if constexpr (kTailCalls) return r[1].run(r + 1, frame, state);
  return r + 1;
}

template <class U>
U get(const u8* place) {
  U value;
  std::memcpy(&value, place, sizeof value);
  return value;
}
template <class U>
void put(u8* place, U value) {
  std::memcpy(place, &value, sizeof value);
}
// A scalar result: zero-extended to 8 bytes.
template <class U>
void put_scalar(u8* place, U value) {
  if constexpr (sizeof(U) < 8)
    put<u64>(place, value);
  else
    put(place, value);
}

// Leaves after a slow path or a helper has set state.leave: counts what has retired.
const Record* leave_early(const Record* r, u8* frame, CpuState* state);

}  // namespace mimus::interp
