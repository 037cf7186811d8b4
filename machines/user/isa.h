// What a Linux process needs to know about the guest's ISA: the system-call convention, signal frames, the numbers of
// the auxiliary vector. One file per ISA implements it (riscv64.cc, aarch64.cc); everything else in this folder is the
// same for all.
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/frontend.h"
#include "machines/user/address_space.h"

namespace mimus::user {

using SignalMask = u64;  // bit signal - 1

struct CallArgs {
  u64 number = 0;
  u64 arg[6] = {};
};

// struct sigaction as the kernel has it.
struct GuestAction {
  u64 handler = 0;  // 0: SIG_DFL, 1: SIG_IGN
  u64 flags = 0;
  SignalMask mask = 0;
  u64 restorer = 0;  // where the ISA has it
};

// stack_t; the same on all 64-bit ISAs.
struct GuestStack {
  u64 sp = 0;
  s32 flags = SS_DISABLE;
  u32 padding = 0;
  u64 size = 0;
};

// What a signal frame holds besides the registers.
struct FrameContents {
  siginfo_t info{};
  SignalMask mask = 0;  // what sigreturn puts back
  GuestStack stack;     // the alternate stack at the time
};

// A synchronous signal for a trap.
struct TrapSignal {
  int signal = 0, code = 0;
  u64 address = 0;
};

enum class CallNumbers : u8 { generic, x86_64 };  // which column of syscalls.def

// What an ELF file of the ISA looks like from outside, known before any CPU is made.
struct IsaFacts {
  std::string_view name;  // "riscv64": --isa, and what uname says
  u16 elf_machine = 0;
  std::string_view triplet;  // Debian's: /usr/<triplet> holds the libraries
  std::string_view libc;     // the Debian package that brings them
  CallNumbers calls = CallNumbers::generic;
};

// As ELF notes name them: NT_PRSTATUS, NT_FPREGSET, NT_ARM_PAC_MASK (where pointers hold authentication codes; to be
// read only).
enum class RegisterSet : u8 { general, floating, pac_masks };

class UserIsa {
 public:
  virtual ~UserIsa() = default;
  virtual const IsaFacts& facts() const = 0;
  virtual u64 hwcap() const = 0;
  virtual u64 hwcap2() const { return 0; }
  virtual std::string_view platform() const = 0;                                // AT_PLATFORM; empty: none
  virtual std::span<const u8> vdso() const = 0;                                 // an ELF shared object
  virtual u64 vdso_sigreturn() const = 0;                                       // offset in it to which handlers return
  virtual std::string cpuinfo(const CpuState& state, unsigned cpus) const = 0;  // /proc/cpuinfo
  virtual u64 least_signal_stack() const { return 0; }                          // AT_MINSIGSTKSZ; 0: not told
  // riscv_hwprobe: the value of a key; nothing where the key is unknown.
  virtual std::optional<u64> hardware_probe(s64 /*key*/) const { return std::nullopt; }

  // Requests of prctl(2) that are the ISA's own: the result; nothing for others.
  virtual std::optional<s64> control(CpuState& /*state*/, AddressSpace& /*memory*/, const u64* /*arg*/) const {
    return std::nullopt;
  }
  // The bit of PROT_* by which pages have indirect branches to them checked; and the thread begins with checks, since
  // there are such pages now.
  virtual int guard_prot() const { return 0; }
  // Bits that accesses and branches ignore in addresses.
  virtual u64 ignored_address_bits() const { return 0; }
  virtual void check_branches(CpuState& /*state*/) const {}
  // Whether an ELF file asks for that, by the descriptor of its NT_GNU_PROPERTY_TYPE_0 note.
  virtual bool wants_guard(std::span<const u8> /*properties*/) const { return false; }

  virtual void start(CpuState& state, GuestVa entry, GuestVa sp) const = 0;
  virtual void copy_registers(CpuState& to, const CpuState& from) const = 0;
  virtual GuestVa stack_pointer(const CpuState& state) const = 0;
  // A child of clone: its stack and thread pointer, where they are given.
  virtual void set_child(CpuState& state, std::optional<GuestVa> sp, std::optional<u64> tls) const = 0;

  // Null: the trap is a system call. state.pc is then at the instruction.
  virtual std::optional<TrapSignal> signal_of(const CpuState& state, const Fault& fault) const = 0;
  virtual CallArgs call(const CpuState& state) const = 0;
  virtual void step_over_call(CpuState& state) const = 0;  // state.pc behind the instruction
  virtual void step_back(CpuState& state) const = 0;       // and before it again
  virtual void set_result(CpuState& state, s64 value) const = 0;
  virtual void set_first_argument(CpuState& state, u64 value) const = 0;  // to make the call again

  // The flags of open(2), where the ISA has other numbers than the host.
  virtual u64 open_flags_to_host(u64 flags) const { return flags; }
  virtual u64 open_flags_to_guest(u64 flags) const { return flags; }

  // Pushes a frame below `sp` and lets the state enter the handler. `trampoline` is the vDSO's sigreturn. False: the
  // stack cannot be written.
  virtual bool push_frame(CpuState& state, AddressSpace& memory, GuestVa sp, int signal, const GuestAction& action,
                          const FrameContents& contents, GuestVa trampoline) const = 0;
  // sigreturn: registers and contents of the frame at the stack pointer. False: it cannot be read.
  virtual bool pop_frame(CpuState& state, AddressSpace& memory, FrameContents& contents) const = 0;

  // The instruction that a debugger plants where code is to stop, by what GDB's remote protocol calls its kind (its
  // bytes, on ISAs with several lengths); empty: no such kind.
  virtual std::span<const u8> breakpoint(u64 /*kind*/) const { return {}; }

  // The registers as PTRACE_GETREGSET shows them ; `to` is large enough. Bytes of the set, 0 if there is none.
  virtual u32 read_registers(const CpuState& /*state*/, RegisterSet, u8* /*to*/) const { return 0; }
  virtual void write_registers(CpuState& /*state*/, RegisterSet, const u8* /*from*/) const {}

  // struct sigaction in the guest's memory; bytes of it.
  virtual unsigned action_bytes() const = 0;
  virtual GuestAction read_action(std::span<const u8> bytes) const = 0;
  virtual void write_action(std::span<u8> bytes, const GuestAction& action) const = 0;
};

// The ISAs, one file each; isa.cc lists them.
const IsaFacts& riscv64_facts();
std::unique_ptr<UserIsa> make_riscv64(std::vector<std::string> extensions);
const IsaFacts& aarch64_facts();
std::unique_ptr<UserIsa> make_aarch64(std::vector<std::string> extensions);

const IsaFacts* facts_of(u16 elf_machine);  // null: unknown
std::string known_isas();                   // "riscv64, aarch64"
// `extensions`: what the CPU model has, in the ISA's own names ("zba").
std::unique_ptr<UserIsa> make_user_isa(const IsaFacts& facts, std::vector<std::string> extensions);

}  // namespace mimus::user
