// AArch64 Linux processes. Sources: Linux arch/arm64/include/uapi/asm (sigcontext.h, ucontext.h, fcntl.h) as documented
// in Linux Documentation/arch/arm64; Procedure Call Standard for the Arm 64-bit Architecture (IHI 0055).
#include <elf.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>

#include "frontends/aarch64/aarch64.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/pauth.h"
#include "frontends/aarch64/state.h"
#include "frontends/aarch64/table.h"
#include "machines/user/aarch64_process.h"
#include "machines/user/isa.h"
#include "machines/user/vdso.h"

namespace mimus::user {
namespace {

using aarch64::pe;

constexpr unsigned kCallNumber = 8, kFramePointer = 29, kLink = 30;

struct FpContext {  // struct fpsimd_context
  static constexpr u32 kMagic = 0x46508001;
  u32 magic = kMagic, size = sizeof(FpContext);
  u32 fpsr, fpcr;
  alignas(16) u64 v[32][2];
};
static_assert(sizeof(FpContext) == 528);

struct SyndromeContext {  // struct esr_context
  static constexpr u32 kMagic = 0x45535201;
  u32 magic = kMagic, size = sizeof(SyndromeContext);
  u64 esr;
};

struct Context {  // struct sigcontext
  u64 fault_address;
  u64 regs[31];
  u64 sp, pc, pstate;
  alignas(16) u8 records[4096];  // of {magic, size}, to one whose magic is 0
};

struct Frame {  // struct rt_sigframe, and the frame record below which it stands
  siginfo_t info;
  u64 flags;
  u64 link;
  GuestStack stack;
  u64 mask;
  u8 unused[120];
  alignas(16) Context context;
  u64 record[2];  // x29 and x30, for unwinders
};
static_assert(offsetof(Frame, context) == 128 + 176 && offsetof(Context, records) == 288);
static_assert(offsetof(Frame, record) == 128 + 176 + 288 + 4096);

constexpr IsaFacts kFacts{"aarch64", EM_AARCH64, "aarch64-linux-gnu", "libc6-arm64-cross", CallNumbers::generic};

// Whether the instruction stores, for ESR_ELx.WnR.
bool stores(AddressSpace& memory, GuestVa pc) {
  u32 raw = 0;
  aarch64::Insn insn;
  if (memory.get(raw, pc) != 0 || !aarch64::decode(raw, {}, insn)) return false;
  constexpr std::string_view kStores[] = {"st", "swp", "cas", "ldadd", "ldclr", "ldeor", "ldset{", "ldsm", "ldum"};
  return std::ranges::any_of(kStores, [&](std::string_view s) { return insn.desc->mnemonic.starts_with(s); });
}

// The syndrome of the abort that a signal stands for.
u64 syndrome_of(const siginfo_t& info, AddressSpace& memory, GuestVa pc) {
  u32 status = info.si_code == SEGV_ACCERR ? aarch64::kFscPermission : aarch64::kFscTranslation;
  if (info.si_signo == SIGBUS) status = info.si_code == BUS_ADRALN ? aarch64::kFscAlignment : aarch64::kFscExternal;
  const auto address = u64(info.si_addr);
  const bool fetch = address >= pc && address < pc + 4;
  const u32 write = !fetch && stores(memory, pc) ? aarch64::kIssWnr : 0;
  return aarch64::syndrome(fetch ? aarch64::kEcInsnAbortLower : aarch64::kEcDataAbortLower, status | write);
}

class Aarch64 final : public UserIsa {
 public:
  explicit Aarch64(std::vector<std::string> features) : features_(std::move(features)) {}

  const IsaFacts& facts() const override { return kFacts; }
  u64 hwcap() const override { return aarch64::hardware_capabilities(features_).hwcap; }
  u64 hwcap2() const override { return aarch64::hardware_capabilities(features_).hwcap2; }
  std::string_view platform() const override { return "aarch64"; }
  u64 least_signal_stack() const override { return sizeof(Frame) + 16; }
  std::span<const u8> vdso() const override { return aarch64_vdso(); }
  u64 vdso_sigreturn() const override { return vdso_symbol(aarch64_vdso(), "__kernel_rt_sigreturn"); }

  std::string cpuinfo(const CpuState& state, unsigned cpus) const override {
    return aarch64_cpuinfo(hwcap(), hwcap2(), pe(state).model->midr_el1, cpus);
  }
  std::optional<s64> control(CpuState& state, AddressSpace& memory, const u64* arg) const override {
    return aarch64_control(pe(state), memory, arg);
  }
  u64 ignored_address_bits() const override { return kAddressTag; }
  int guard_prot() const override { return hwcap2() & aarch64::kHwcap2Bti ? kProtBti : 0; }
  void check_branches(CpuState& state) const override { pe(state).checks_branches = true; }
  bool wants_guard(std::span<const u8> properties) const override { return aarch64_wants_bti(properties); }

  void start(CpuState& state, GuestVa entry, GuestVa sp) const override {
    state.pc = entry;
    pe(state).sp = sp;
    new_keys(pe(state), kAllKeys);
  }
  void copy_registers(CpuState& to, const CpuState& from) const override {
    auto& t = pe(to);
    const auto& f = pe(from);
    std::memcpy(t.x, f.x, sizeof t.x);
    std::memcpy(t.q, f.q, sizeof t.q);
    t.sp = f.sp;
    t.pc = f.pc;
    t.tpidr_el0 = f.tpidr_el0;
    std::ranges::copy(f.pauth_keys, t.pauth_keys);
    t.pauth_enabled = f.pauth_enabled;
    t.checks_branches = f.checks_branches;
    aarch64::write_pstate(t, aarch64::read_pstate(f));
    set_fp_control(t, f.fpcr, aarch64::read_fpsr(f));
  }
  GuestVa stack_pointer(const CpuState& state) const override { return pe(state).sp; }
  void set_child(CpuState& state, std::optional<GuestVa> sp, std::optional<u64> tls) const override {
    if (sp) pe(state).sp = *sp;
    if (tls) pe(state).tpidr_el0 = *tls;
  }

  std::optional<TrapSignal> signal_of(const CpuState& state, const Fault& fault) const override {
    switch (aarch64::exception_class(fault.cause)) {
      case aarch64::kEcSvc: return std::nullopt;
      case aarch64::kEcBrk: return TrapSignal{SIGTRAP, TRAP_BRKPT, state.pc};
      case aarch64::kEcPcAlignment:
      case aarch64::kEcSpAlignment: return TrapSignal{SIGBUS, BUS_ADRALN, fault.tval};
      case aarch64::kEcInsnAbortLower:
      case aarch64::kEcDataAbortLower:
        if ((fault.cause & 0x3f) == aarch64::kFscAlignment) return TrapSignal{SIGBUS, BUS_ADRALN, fault.tval};
        return TrapSignal{SIGSEGV, SEGV_MAPERR, fault.tval};
      default: return TrapSignal{SIGILL, ILL_ILLOPC, state.pc};  // undefined, or no place for a branch to lead to
    }
  }

  CallArgs call(const CpuState& state) const override {
    CallArgs args;
    args.number = pe(state).x[kCallNumber];
    for (unsigned i = 0; i < 6; i++) args.arg[i] = pe(state).x[i];
    return args;
  }
  void step_over_call(CpuState& state) const override { state.pc += 4; }
  void step_back(CpuState& state) const override { state.pc -= 4; }
  void set_result(CpuState& state, s64 value) const override { pe(state).x[0] = u64(value); }
  void set_first_argument(CpuState& state, u64 value) const override { pe(state).x[0] = value; }

  // arch/arm64/include/uapi/asm/fcntl.h: four flags have the numbers of 32-bit Arm.
  u64 open_flags_to_host(u64 flags) const override { return swap_flags(flags, true); }
  u64 open_flags_to_guest(u64 flags) const override { return swap_flags(flags, false); }

  bool push_frame(CpuState& state, AddressSpace& memory, GuestVa sp, int signal, const GuestAction& action,
                  const FrameContents& contents, GuestVa trampoline) const override {
    auto& s = pe(state);
    Frame frame{};
    frame.info = contents.info;
    frame.stack = contents.stack;
    frame.mask = contents.mask;
    Context& c = frame.context;
    std::memcpy(c.regs, s.x, sizeof c.regs);
    c.sp = s.sp;
    c.pc = state.pc;
    c.pstate = aarch64::read_pstate(s);
    put_records(s, memory, contents.info, c);
    frame.record[0] = s.x[kFramePointer];
    frame.record[1] = s.x[kLink];
    const GuestVa at = align_down(sp - sizeof frame, 16);
    if (memory.put(at, frame) != 0) return false;
    constexpr u64 kRestorer = 0x04000000;
    s.x[0] = u64(signal);
    s.x[1] = at + offsetof(Frame, info);
    s.x[2] = at + offsetof(Frame, flags);
    s.x[kFramePointer] = at + offsetof(Frame, record);
    s.x[kLink] = action.flags & kRestorer ? action.restorer : trampoline;
    s.sp = at;
    state.pc = action.handler;
    s.pstate_btype = s.checks_branches ? 2 : 0;  // as by a call
    return true;
  }

  bool pop_frame(CpuState& state, AddressSpace& memory, FrameContents& contents) const override {
    auto& s = pe(state);
    Frame frame;
    if (s.sp & 15 || memory.get(frame, s.sp) != 0 || !take_records(s, frame.context)) return false;
    contents = {frame.info, frame.mask, frame.stack};
    std::memcpy(s.x, frame.context.regs, sizeof s.x);
    s.sp = frame.context.sp;
    state.pc = frame.context.pc;
    aarch64::write_pstate(s, frame.context.pstate);
    return true;
  }

  std::span<const u8> breakpoint(u64 kind) const override {
    static constexpr u8 kBrk[] = {0x00, 0x00, 0x20, 0xd4};  // brk #0
    return kind == sizeof kBrk ? std::span<const u8>(kBrk) : std::span<const u8>();
  }

  // struct user_pt_regs: x0 to x30, sp, pc, pstate; struct user_fpsimd_state: v0 to v31, fpsr, fpcr, two unused words;
  // struct user_pac_mask: of data, of code.
  u32 read_registers(const CpuState& state, RegisterSet set, u8* to) const override {
    const auto& s = pe(state);
    if (set == RegisterSet::general) {
      const u64 rest[] = {s.sp, s.pc, aarch64::read_pstate(s)};
      std::memcpy(to, s.x, sizeof s.x);
      std::memcpy(to + sizeof s.x, rest, sizeof rest);
      return sizeof s.x + sizeof rest;
    }
    if (set == RegisterSet::pac_masks) {
      if (!s.model->has(aarch64::Feat::PAuth)) return 0;
      const u64 masks[] = {aarch64::kUserPacMask, aarch64::kUserPacMask};
      std::memcpy(to, masks, sizeof masks);
      return sizeof masks;
    }
    const u32 control[4] = {u32(aarch64::read_fpsr(s)), u32(s.fpcr)};
    std::memcpy(to, s.q, sizeof s.q);
    std::memcpy(to + sizeof s.q, control, sizeof control);
    return sizeof s.q + sizeof control;
  }
  void write_registers(CpuState& state, RegisterSet set, const u8* from) const override {
    auto& s = pe(state);
    if (set == RegisterSet::general) {
      u64 rest[3];
      std::memcpy(s.x, from, sizeof s.x);
      std::memcpy(rest, from + sizeof s.x, sizeof rest);
      s.sp = rest[0], s.pc = rest[1];
      return aarch64::write_pstate(s, rest[2]);
    }
    u32 control[2];
    std::memcpy(s.q, from, sizeof s.q);
    std::memcpy(control, from + sizeof s.q, sizeof control);
    set_fp_control(s, control[1], control[0]);
  }

  // {handler, flags, restorer, mask}
  unsigned action_bytes() const override { return 32; }
  GuestAction read_action(std::span<const u8> bytes) const override {
    GuestAction action;
    std::memcpy(&action.handler, bytes.data(), 8);
    std::memcpy(&action.flags, bytes.data() + 8, 8);
    std::memcpy(&action.restorer, bytes.data() + 16, 8);
    std::memcpy(&action.mask, bytes.data() + 24, 8);
    return action;
  }
  void write_action(std::span<u8> bytes, const GuestAction& action) const override {
    std::memcpy(bytes.data(), &action.handler, 8);
    std::memcpy(bytes.data() + 8, &action.flags, 8);
    std::memcpy(bytes.data() + 16, &action.restorer, 8);
    std::memcpy(bytes.data() + 24, &action.mask, 8);
  }

 private:
  static void set_fp_control(aarch64::Aarch64State& s, u64 fpcr, u64 fpsr) {
    const u64 old_mode = aarch64::current_mode(s).pack();
    aarch64::write_fpcr(s, fpcr);
    aarch64::write_fpsr(s, fpsr);
    if (aarch64::current_mode(s).pack() != old_mode && s.port) s.port->mode_changed();
  }

  static void put_records(const aarch64::Aarch64State& s, AddressSpace& memory, const siginfo_t& info, Context& c) {
    FpContext fp;
    fp.fpsr = u32(aarch64::read_fpsr(s));
    fp.fpcr = u32(s.fpcr);
    std::memcpy(fp.v, s.q, sizeof fp.v);
    std::memcpy(c.records, &fp, sizeof fp);
    const bool fault = (info.si_signo == SIGSEGV || info.si_signo == SIGBUS) && info.si_code > 0;
    if (!fault) return;
    c.fault_address = u64(info.si_addr);
    SyndromeContext syndrome;
    syndrome.esr = syndrome_of(info, memory, s.pc);
    std::memcpy(c.records + sizeof fp, &syndrome, sizeof syndrome);
  }

  // The records come in any order; one of floating point must be there, as the kernel demands.
  static bool take_records(aarch64::Aarch64State& s, const Context& c) {
    for (size_t at = 0; at + sizeof(FpContext) <= sizeof c.records;) {
      u32 head[2];
      std::memcpy(head, c.records + at, sizeof head);
      if (head[0] == FpContext::kMagic && head[1] == sizeof(FpContext)) {
        FpContext fp;
        std::memcpy(&fp, c.records + at, sizeof fp);
        std::memcpy(s.q, fp.v, sizeof fp.v);
        set_fp_control(s, fp.fpcr, fp.fpsr);
        return true;
      }
      if (head[0] == 0 || head[1] < 16 || head[1] % 16) return false;
      at += head[1];
    }
    return false;
  }

  static u64 swap_flags(u64 flags, bool to_host) {
    static constexpr struct {
      u64 guest, host;
    } kFlags[] = {{040000, 0200000}, {0100000, 0400000}, {0200000, 040000}, {0400000, 0100000}};
    u64 changed = flags & ~u64{0740000};
    for (auto [guest, host] : kFlags)
      if (flags & (to_host ? guest : host)) changed |= to_host ? host : guest;
    return changed;
  }

  std::vector<std::string> features_;
};

}  // namespace

const IsaFacts& aarch64_facts() { return kFacts; }
std::unique_ptr<UserIsa> make_aarch64(std::vector<std::string> extensions) {
  return std::make_unique<Aarch64>(std::move(extensions));
}

}  // namespace mimus::user
