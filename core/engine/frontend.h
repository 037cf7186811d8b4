// Frontend: everything that the rest of the emulator knows about an ISA. It never sees a backend.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>

#include "core/base/error.h"
#include "core/engine/helper.h"
#include "core/engine/port.h"
#include "core/ir/block.h"
#include "core/state/cpu.h"
#include "core/state/layout.h"
#include "core/state/visitor.h"

namespace mimus {

enum class Access : u8 { read, write, execute };

struct Fault {
  u32 cause = 0;  // ISA-defined exception number
  u64 tval = 0;   // ISA-defined detail (fault address)
};

// Result of a translation-table walk for one page.
struct Translation {
  GuestPa page = 0;       // physical address of the 4 KiB page
  bool readable = false;  // what a fast path may do without walking again (write only when the page is marked dirty)
  bool writable = false;
  bool executable = false;
  bool global = false;           // valid in every context
  bool cacheable = true;         // false: permission differs within the page; walk for every access
  GuestPa rule_first = 0;        // when not cacheable: the physical addresses for which this answer holds; an access
  GuestPa rule_last = 0;         //   that reaches beyond them is a bus fault
  u64 mapping_size = kPageSize;  // of the leaf that maps it
};
using WalkResult = std::variant<Translation, Fault>;

// Guest code, at most two pages of it, as the translator sees it.
struct CodeBytes {
  GuestPc pc = 0;                   // virtual address of bytes[0]
  std::span<const u8> bytes;        // readable code from pc on: to the end of its page, or on into the next page
  u32 first_page_bytes = 0;         // how many of them lie in the first page
  std::optional<Fault> next_fault;  // why there is nothing after `bytes`, if fetching on would fault (else: limit)
};

struct TranslateLimits {
  u32 max_insns = 64;
};

class Frontend {
 public:
  virtual ~Frontend() = default;
  virtual std::string_view isa() const = 0;
  virtual const StateLayout& layout() const = 0;
  virtual std::span<const HelperDesc> helpers() const = 0;

  // -- CPU state --
  virtual std::unique_ptr<CpuState, void (*)(CpuState*)> make_state(u32 cpu_index) const = 0;
  virtual void reset(CpuState& state) const = 0;
  // In the reset state: firmware starts the CPU at `entry`, with `argument` where the ISA's convention has it.
  virtual void start_at(CpuState& state, GuestPc entry, u64 /*argument*/) const { state.pc = entry; }
  // The reset state of a thread of a process (core/engine/process.h): the lowest privilege, with everything switched on
  // that operating systems give to programs. From then on exceptions go to CpuPort::user_exception.
  virtual void reset_user(CpuState& state) const = 0;
  virtual void visit_state(CpuState& state, StateVisitor& visitor) const = 0;

  // -- translation --
  // 64 bits of everything besides the code bytes that the translator looks at. Equal keys: interchangeable blocks.
  virtual u64 mode_key(const CpuState& state) const = 0;
  // Fills `block` (key set by the caller) from at least one instruction; stops at the page end unless the first
  // instruction straddles it. Undefined encodings become trap exits; a fetch fault in mid-block ends the block before
  // it.
  virtual void translate(const CodeBytes& code, const TranslateLimits& limits, ir::Block& block) const = 0;
  // One instruction at the front of `bytes`, e.g. "addi a0, a0, 1"; `length` receives its size.
  virtual std::string disassemble(std::span<const u8> bytes, GuestPc pc, unsigned& length) const = 0;

  // -- memory management --
  virtual unsigned regimes() const = 0;  // at most kMaxRegimes
  virtual unsigned fetch_regime(const CpuState& state) const = 0;
  // Names the address space that the TLB tags entries with; equal for states whose translations may be shared.
  virtual u64 context(const CpuState& state) const = 0;
  virtual WalkResult walk(CpuState& state, PhysicalMemory& memory, GuestVa va, Access access,
                          unsigned regime) const = 0;

  // -- exceptions and interrupts --
  // Delivers a synchronous exception of the instruction at state.pc: sets state.pc to the handler.
  virtual void raise(CpuState& state, const Fault& fault) const = 0;
  // The fault for a misaligned access that needs alignment, or for an access to a hole in physical memory.
  virtual Fault misaligned_fault(GuestVa va, Access access) const = 0;
  virtual Fault bus_fault(GuestVa va, Access access) const = 0;
  // Delivers the most urgent enabled interrupt, if any (state.pc = handler); true if it did.
  virtual bool take_interrupt(CpuState& state) const = 0;
  virtual bool wakes(const CpuState& state) const = 0;                  // would end a wait-for-interrupt
  virtual void timer_fired(CpuState& state, unsigned timer) const = 0;  // see CpuPort::set_timer; on the CPU's thread
};

}  // namespace mimus
