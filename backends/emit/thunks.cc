#include "backends/emit/thunks.h"

#include <cstddef>

#include "backends/emit/assembler.h"
#include "backends/emit/flat_fault.h"
#include "backends/emit/reprobe.h"
#include "core/engine/runtime.h"

namespace mimus::emit {

namespace {

using namespace Xbyak::util;

constexpr u32 kThunkBytes = 16 << 10;
constexpr u8 kScratchSavedByCaller[] = {0, 1, 2, 10};    // rax rcx rdx r10, in the order of Frame::kSavedGpr
constexpr u8 kArgumentRegisters[] = {7, 6, 2, 1, 8, 9};  // rdi rsi rdx rcx r8 r9
constexpr bool survives_c_call(u8 reg) { return reg >= 12; }

// What a slow path's C function takes after the CpuState.
enum class Source : u8 { none, arg0, arg1, desc, extra, site };
struct SlowRow {
  u32 function;  // offset in struct Runtime
  std::array<Source, 5> arguments;
};
constexpr SlowRow kSlowRows[kSlowPaths] = {
    {offsetof(Runtime, load), {Source::arg0, Source::desc, Source::site}},
    {offsetof(Runtime, store), {Source::arg0, Source::arg1, Source::desc, Source::site}},
    {offsetof(Runtime, load_linked), {Source::arg0, Source::desc, Source::site}},
    {offsetof(Runtime, store_conditional), {Source::arg0, Source::arg1, Source::desc, Source::site}},
    {offsetof(Runtime, amo), {Source::arg0, Source::arg1, Source::desc, Source::site, Source::extra}},
    {offsetof(Runtime, cas), {Source::arg0, Source::desc, Source::site}},
    {offsetof(Runtime, zero_block), {Source::arg0, Source::extra, Source::site}},
};

Xbyak::Reg64 reg64(u8 number) { return Xbyak::Reg64(number); }

ConstantTable make_constants() {
  ConstantTable t{};
  for (u64& word : t.f64_sign) word = u64{1} << 63;
  for (u64& word : t.f64_abs) word = ~(u64{1} << 63);
  for (u32& word : t.f32_sign) word = u32{1} << 31;
  for (u32& word : t.f32_abs) word = ~(u32{1} << 31);
  for (unsigned m = 0; m < 64; ++m)
    t.mxcsr_to_flags[m] = u8((m >> 5 & 1) | (m >> 4 & 1) << 1 | (m >> 3 & 1) << 2 | (m >> 2 & 1) << 3 | (m & 1) << 4);
  for (unsigned f = 0; f < 32; ++f)
    t.flags_to_mxcsr[f] = u8((f & 1) << 5 | (f >> 1 & 1) << 4 | (f >> 2 & 1) << 3 | (f >> 3 & 1) << 2 | (f >> 4 & 1));
  for (u64 sign : {0, 1}) {
    t.f64_nan[sign] = sign << 63 | 0x7ff8'0000'0000'0000;
    t.f32_nan[sign] = u32(sign << 31 | 0x7fc0'0000);
  }
  return t;
}

}  // namespace

// Thunks are called with rsp = S - 8, S being rsp at block entry: 16-byte aligned, as C wants it before a call.
class ThunkWriter {
 public:
  ThunkWriter(HostRuntime& runtime, CodeSlab& slab, CodeSlab::Piece piece) : rt_(runtime), slab_(slab), piece_(piece) {
    a_.open(piece.write, piece.size);
  }

  bool write() {
    write_constants();
    write_enter();
    rt_.leave_dispatch_ = write_leave(Leave::dispatch);
    rt_.leave_poll_ = write_leave(Leave::poll);
    rt_.leave_edge_ = write_leave(Leave::edge);
    write_trap();
    for (unsigned path = 0; path < kSlowPaths; ++path)
      for (bool keep_xmm : {false, true})
        rt_.slow_paths_[path * 2 + keep_xmm] = write_slow_path(kSlowRows[path], keep_xmm);
    for (unsigned effects = 0; effects < rt_.helpers_.size(); ++effects)
      rt_.helpers_[effects] = write_helper(HelperEffects(effects));
    write_assist();
    write_flat_fault();
    return !a_.failed();
  }

 private:
  u64 here() {
    a_.align_to(16);
    return slab_.to_exec(a_.getCurr());
  }
  Xbyak::Address state(u32 offset, u32 bits = 64) { return Xbyak::AddressFrame(bits)[rstate + size_t(offset)]; }
  // A word of the frame, seen from a thunk that has been called.
  Xbyak::Address frame(u32 offset, u32 bits = 64) { return Xbyak::AddressFrame(bits)[rsp + size_t(offset + 8)]; }

  void write_constants() {
    const ConstantTable table = make_constants();
    a_.align_to(alignof(ConstantTable));
    rt_.constants_ = reinterpret_cast<const ConstantTable*>(a_.getCurr());
    for (size_t i = 0; i < sizeof table; ++i) a_.db(reinterpret_cast<const u8*>(&table)[i]);
  }

  void save_pins(bool all = true) {
    for (unsigned i = 0; i < kPinnedCount; ++i)
      if (rt_.pin_offsets_[i] && (all || !survives_c_call(kPinnedRegisters[i])))
        a_.mov(state(rt_.pin_offsets_[i]), reg64(kPinnedRegisters[i]));
  }
  void load_pins(bool all) {
    for (unsigned i = 0; i < kPinnedCount; ++i)
      if (rt_.pin_offsets_[i] && (all || !survives_c_call(kPinnedRegisters[i])))
        a_.mov(reg64(kPinnedRegisters[i]), state(rt_.pin_offsets_[i]));
  }
  void save_scratch() {
    for (u32 i = 0; i < 4; ++i) a_.mov(frame(Frame::kSavedGpr + 8 * i), reg64(kScratchSavedByCaller[i]));
  }
  void load_scratch() {
    for (u32 i = 0; i < 4; ++i) a_.mov(reg64(kScratchSavedByCaller[i]), frame(Frame::kSavedGpr + 8 * i));
  }
  void save_xmm() {
    for (int i = 0; i < 16; ++i) a_.movaps(frame(Frame::kSavedXmm + 16 * u32(i), 128), Xbyak::Xmm(i));
  }
  void load_xmm() {
    for (int i = 0; i < 16; ++i) a_.movaps(Xbyak::Xmm(i), frame(Frame::kSavedXmm + 16 * u32(i), 128));
  }
  void enter_host_fp() {
    a_.stmxcsr(state(offsetof(CpuState, guest_mxcsr), 32));
    a_.ldmxcsr(state(offsetof(CpuState, host_mxcsr), 32));
  }
  void enter_guest_fp() { a_.ldmxcsr(state(offsetof(CpuState, guest_mxcsr), 32)); }

  // Leaves if the C function has set state.leave.
  void leave_if_told() {
    a_.cmp(state(offsetof(CpuState, leave), 32), 0);
    const Jump stay = a_.jcc_short(Cond::e);
    a_.add(rsp, 8);  // the site
    a_.jump_to(slab_.to_write(rt_.leave_clean_));
    a_.bind_short(stay);
  }

  void write_enter() {
    static constexpr u8 kSaved[] = {5, 3, 12, 13, 14, 15};
    const u64 entry = here();
    rt_.enter_ = reinterpret_cast<void (*)(CpuState*, u64)>(entry);
    for (u8 reg : kSaved) a_.push(reg64(reg));
    a_.sub(rsp, kFrameBytes + 8);
    a_.mov(rstate, rdi);
    a_.mov(rax, rsi);
    a_.mov(state(offsetof(CpuState, leave), 32), 0);
    a_.stmxcsr(state(offsetof(CpuState, host_mxcsr), 32));
    enter_guest_fp();
    load_pins(true);
    a_.call(rax);
    save_pins();
    enter_host_fp();
    const Jump out = a_.jmp_short();
    rt_.leave_clean_ = slab_.to_exec(a_.getCurr());
    a_.add(rsp, 8);  // the return address above
    a_.bind_short(out);
    a_.add(rsp, kFrameBytes + 8);
    for (unsigned i = std::size(kSaved); i-- > 0;) a_.pop(reg64(kSaved[i]));
    a_.ret();
  }

  u64 write_leave(Leave why) {
    const u64 entry = here();
    a_.mov(state(offsetof(CpuState, pc)), rax);
    a_.mov(state(offsetof(CpuState, leave), 32), u32(why));
    if (why == Leave::edge) {
      a_.mov(state(offsetof(CpuState, left_code), 32), ecx);
      a_.mov(state(offsetof(CpuState, left_edge), 32), edx);
    }
    a_.ret();
    return entry;
  }

  void write_trap() {
    rt_.leave_trap_ = here();
    a_.mov(state(offsetof(CpuState, pc)), rax);
    save_pins();
    enter_host_fp();
    a_.mov(rdi, rstate);
    a_.mov(esi, ecx);
    a_.mov(rax, state(offsetof(CpuState, runtime)));
    a_.sub(rsp, 8);
    a_.call(qword[rax + offsetof(Runtime, trap)]);
    a_.add(rsp, 8);
    a_.jump_to(slab_.to_write(rt_.leave_clean_));
  }

  void load_argument(Source source, u8 reg) {
    switch (source) {
      case Source::none: return;
      case Source::arg0: return a_.mov(reg64(reg), frame(Frame::kArg0));
      case Source::arg1: return a_.mov(reg64(reg), frame(Frame::kArg1));
      case Source::desc: return a_.mov(reg64(reg).cvt32(), frame(Frame::kDesc, 32));
      case Source::extra: return a_.mov(reg64(reg).cvt32(), frame(Frame::kExtra, 32));
      case Source::site: return a_.mov(reg64(reg), qword[rsp]);
    }
  }

  void reprobe(bool store) {
    const auto word = [this](u32 offset, u32 bits = 64) {
      return [this, offset, bits](u32 pushed) { return frame(offset + pushed, bits); };
    };
    write_reprobe(a_, {.store = store,
                       .va = word(Frame::kArg0),
                       .value = word(Frame::kArg1),
                       .result = word(Frame::kArg0),
                       .desc = word(Frame::kDesc, 32)});
  }

  u64 write_slow_path(const SlowRow& row, bool keep_xmm) {
    const u64 entry = here();
    if (row.function == offsetof(Runtime, load) || row.function == offsetof(Runtime, store))
      reprobe(row.function == offsetof(Runtime, store));
    save_pins();
    save_scratch();
    if (keep_xmm) save_xmm();
    enter_host_fp();
    a_.mov(rdi, rstate);
    for (unsigned i = 0; i < row.arguments.size(); ++i) load_argument(row.arguments[i], kArgumentRegisters[i + 1]);
    a_.mov(rax, state(offsetof(CpuState, runtime)));
    a_.call(qword[rax + row.function]);
    leave_if_told();
    a_.mov(frame(Frame::kArg0), rax);
    enter_guest_fp();
    if (keep_xmm) load_xmm();
    load_pins(false);
    load_scratch();
    a_.ret();
    return entry;
  }

  u64 write_helper(HelperEffects effects) {
    const bool host_fp = has(effects, HelperEffects::uses_host_fp);
    const bool flags = has(effects, HelperEffects::touches_fp_flags);
    const bool state_access =
        has(effects, HelperEffects::reads_state | HelperEffects::writes_state | HelperEffects::may_leave);
    const u64 entry = here();
    save_pins(state_access);
    if (host_fp)
      enter_host_fp();
    else if (flags)
      a_.stmxcsr(state(offsetof(CpuState, guest_mxcsr), 32));
    a_.mov(rdi, rstate);
    for (u32 i = 0; i < 4; ++i) a_.mov(reg64(kArgumentRegisters[i + 1]), frame(Frame::kArg0 + 8 * i));
    a_.call(rax);
    a_.mov(frame(Frame::kArg0), rax);
    if (has(effects, HelperEffects::may_leave)) {
      if (!host_fp) {
        a_.cmp(state(offsetof(CpuState, leave), 32), 0);
        const Jump stay = a_.jcc_short(Cond::e);
        if (!flags) a_.stmxcsr(state(offsetof(CpuState, guest_mxcsr), 32));
        a_.ldmxcsr(state(offsetof(CpuState, host_mxcsr), 32));
        a_.add(rsp, 8);
        a_.jump_to(slab_.to_write(rt_.leave_clean_));
        a_.bind_short(stay);
      } else {
        leave_if_told();
      }
    }
    if (host_fp || flags) enter_guest_fp();
    load_pins(has(effects, HelperEffects::writes_state));
    a_.ret();
    return entry;
  }

  void write_assist() {
    rt_.assist_ = here();
    save_pins(false);
    save_scratch();
    save_xmm();
    enter_host_fp();
    a_.mov(rdi, rstate);
    for (u32 i = 0; i < 3; ++i) a_.mov(reg64(kArgumentRegisters[i + 1]), frame(Frame::kArg0 + 8 * i));
    a_.mov(r8d, frame(Frame::kExtra, 32));
    a_.call(rax);
    a_.mov(frame(Frame::kArg0), rax);
    enter_guest_fp();
    load_xmm();
    load_pins(false);
    load_scratch();
    a_.ret();
  }

  // The general registers go to Frame::kWide, which no op uses while it accesses memory.
  void write_flat_fault() {
    rt_.flat_fault_ = here();
    const auto saved = [&](u32 i) { return frame(Frame::kWide + 8 * i); };
    for (u32 i = 0; i < 16; ++i)
      if (i != kStackPointer) a_.mov(saved(i), reg64(u8(i)));
    save_pins();
    save_xmm();
    enter_host_fp();
    a_.mov(rdi, rstate);
    a_.lea(rsi, saved(0));
    a_.lea(rdx, frame(Frame::kSavedXmm));
    a_.mov(rcx, qword[rsp]);
    a_.mov(rax, reinterpret_cast<u64>(&flat_fault));
    a_.call(rax);
    leave_if_told();
    a_.mov(qword[rsp], rax);
    enter_guest_fp();
    load_xmm();
    for (u32 i = 0; i < 16; ++i)
      if (i != kStackPointer) a_.mov(reg64(u8(i)), saved(i));
    a_.ret();
  }

  static constexpr u32 kStackPointer = 4;
  HostRuntime& rt_;
  CodeSlab& slab_;
  CodeSlab::Piece piece_;
  Assembler a_;
};

Expected<std::unique_ptr<HostRuntime>> HostRuntime::create(CodeSlab& slab, const StateLayout& layout,
                                                           const HostFeatures& features) {
  std::unique_ptr<HostRuntime> runtime(new HostRuntime(layout, features));
  for (const SlotDesc& slot : layout.slots) {
    if (slot.pin == 0) continue;
    if (slot.pin > kPinnedCount || slot.type != ir::i64)
      return fail("slot " + std::string(slot.name) + ": cannot be pinned");
    runtime->pin_offsets_[slot.pin - 1] = slot.offset;
  }
  MIMUS_TRY(const CodeSlab::Piece piece, slab.allocate(kThunkBytes, 64));
  if (!ThunkWriter(*runtime, slab, piece).write()) return fail("code cache: the thunks do not fit");
  slab.seal();
  return runtime;
}

}  // namespace mimus::emit
