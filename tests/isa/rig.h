// Rig: one RISC-V hart with RAM and an engine, without devices and threads. It plays the run loop and the slow paths in
// the plainest way, so that tests of the frontend (and engine against engine) need nothing else.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/frontend.h"
#include "core/engine/port.h"
#include "core/engine/runtime.h"
#include "core/memory/physical.h"
#include "frontends/riscv/riscv.h"
#include "frontends/riscv/state.h"
#include "tests/isa/assembler.h"
#include "tests/isa/engines.h"

namespace mimus::test {

inline constexpr GuestPa kRamBase = 0x80000000;
inline constexpr u64 kRamSize = 4 << 20;

class Rig final : public CpuPort {
 public:
  explicit Rig(const EngineRow& engine = engines()[0], const riscv::CpuModel& model = {}, GuestPa ram = kRamBase,
               u64 ram_size = kRamSize);
  ~Rig() override;

  // Assembles `source` to `base`, sets the PC there and `stop` to its label "end", else to the end of the code. A test
  // failure if it does not assemble.
  Program load(std::string_view source, GuestPa base = kRamBase);
  void load_bytes(std::span<const u8> bytes, GuestPa base);

  GuestPc stop = ~u64{0};  // no block goes beyond this address
  // Runs until the PC is `pc`, which becomes `stop`, at most `max_blocks` blocks; false if it did not get there.
  bool run_to(GuestPc pc, unsigned max_blocks = 10000);
  // Loads and runs `source` from reset, in M mode, up to its label "end".
  bool run(std::string_view source);
  // Runs one block from the current PC.
  void step();
  // The IR that the frontend makes of the code at `pc`, verified.
  ir::Block translate(GuestPc pc, unsigned max_insns = 64);

  riscv::RiscvState& state() { return *state_; }
  u64 x(std::string_view name) const;
  u64 csr(std::string_view name) const;
  u64 load64(GuestPa pa) const;
  void store64(GuestPa pa, u64 value);
  Frontend& frontend() { return *frontend_; }

  // -- what the port has been asked, for tests --
  u64 now = 1000;
  u64 deadline = ~u64{0}, counter_deadline = ~u64{0};  // of timers 0 and 1
  unsigned flushes = 0, waits = 0, code_fences = 0;
  TlbFlush last_flush;
  unsigned declined = 0;      // blocks that the engine would not compile: the interpreter ran them
  std::string first_decline;  // why, and the block
  bool use_tlb = true;        // false: every access takes the slow path

  // -- CpuPort --
  PhysicalMemory& memory() override { return memory_; }
  u64 timebase() override { return now; }
  void set_timer(unsigned timer, u64 ticks) override { (timer ? counter_deadline : deadline) = ticks; }
  void flush_tlb(const TlbFlush& flush) override;
  void fence_code() override;
  void context_changed() override { drop_tlb(); }
  void regime_changed() override { drop_tlb(); }
  void mode_changed() override { state_->leave = u32(Leave::dispatch); }
  void interrupts_changed() override {}
  void wait_for_interrupt() override { ++waits; }
  u64 random() override { return 4; }

 private:
  friend struct RigRuntime;
  struct Translated {
    std::vector<ir::Block> blocks;  // [0] is the entry
    std::unique_ptr<Code> code;
  };
  struct KeyOrder {
    bool operator()(const ir::BlockKey& a, const ir::BlockKey& b) const {
      return std::tie(a.physical, a.pc, a.mode) < std::tie(b.physical, b.pc, b.mode);
    }
  };

  void drop_tlb();
  void drop_code() { cache_.clear(); }
  bool fetch(GuestPc pc, CodeBytes& code, std::vector<u8>& bytes, GuestPa& physical);
  Translated* find_code();
  std::vector<ir::Block> form_region(const ir::BlockKey& entry, const CodeBytes& code);
  ir::Block translate_block(const ir::BlockKey& key, const CodeBytes& code);
  void install(GuestVa va, const Translation& mapping, Access access);
  GuestPa physical_of(const u8* host) const;
  void leave_at(CpuState* state, u64 site);  // makes state->pc exact for a slow path called from `site`

  std::unique_ptr<Frontend> frontend_;
  RuntimeLayout layout_;
  std::unique_ptr<Engine> engine_, fallback_;
  bool passes_, regions_;
  PhysicalMemory memory_;
  std::unique_ptr<CpuState, void (*)(CpuState*)> owner_;
  riscv::RiscvState* state_;
  std::vector<TlbEntry> tlb_;
  std::vector<JumpEntry> jumps_;
  std::map<ir::BlockKey, Translated, KeyOrder> cache_;
  Code* running_ = nullptr;
  bool drop_code_later_ = false;
};

}  // namespace mimus::test
