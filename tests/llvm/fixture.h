// A machine for engine tests: the toy ISA, 64 KiB of RAM at address 0x10000 behind a software TLB, and a runtime whose
// slow paths record what they were asked.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "backends/llvm/engine.h"
#include "core/engine/runtime.h"
#include "core/ir/builder.h"
#include "tests/backend/toy.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::test {

using ir::Builder;
using ir::Exit;
using ir::I64;

inline constexpr GuestVa kRamBase = 0x10000;
inline constexpr u64 kRamBytes = 0x10000;
inline constexpr GuestVa kFaultVa = 0xdead0000;  // accesses from here on fault
inline constexpr GuestPc kHandler = 0xfff0;

struct Machine : ToyState {
  std::vector<u8> ram = std::vector<u8>(kRamBytes);
  std::vector<TlbEntry> entries = std::vector<TlbEntry>(16);
  std::vector<JumpEntry> jumps = std::vector<JumpEntry>(kJumpCacheEntries);
  std::vector<std::string> log;  // calls of the runtime
  std::function<void(Machine&)> on_slow = [](Machine&) {};
  Runtime table;

  Machine();
  void map(GuestVa va, bool writable = true) {
    const GuestVa page = va & ~kPageMask;
    TlbEntry& e = entries[page / kPageSize % entries.size()];
    e.read_tag = page;
    e.write_tag = writable ? page : TlbEntry::kInvalid;
    e.addend = reinterpret_cast<u64>(ram.data()) - kRamBase;
    e.page = page;
  }
  template <class T>
  T peek(GuestVa va) const {
    T v;
    std::memcpy(&v, &ram.at(va - kRamBase), sizeof v);
    return v;
  }
  template <class T>
  void poke(GuestVa va, T v) {
    std::memcpy(&ram.at(va - kRamBase), &v, sizeof v);
  }

  // Notes the call; true if the access faults, with the exception delivered.
  bool slow(const char* what, GuestVa va, u32 desc) {
    log.push_back(std::string(what) + " " + std::to_string(va) + " " + std::to_string(1u << (desc & 15)) + " pc " +
                  std::to_string(pc));
    on_slow(*this);
    if (va < kFaultVa) return false;
    pc = kHandler;
    leave = u32(Leave::dispatch);
    return true;
  }
};

inline Machine& machine(CpuState* s) { return *static_cast<Machine*>(s); }

inline Machine::Machine() {
  table = {
      .load = [](CpuState* s, u64 va, u32 desc, u64) -> u64 {
        Machine& m = machine(s);
        if (m.slow("load", va, desc)) return 0x5a5a5a5a5a5a5a5a;
        u64 v[2] = {};
        std::memcpy(v, &m.ram.at(va - kRamBase), size_t{1} << (desc & 15));
        m.scratch[0] = v[0], m.scratch[1] = v[1];
        return v[0];
      },
      .store =
          [](CpuState* s, u64 va, u64 value, u32 desc, u64) {
            Machine& m = machine(s);
            if (m.slow("store", va, desc)) return;
            const void* from = (desc & 15) == 4 ? static_cast<const void*>(m.scratch) : &value;
            std::memcpy(&m.ram.at(va - kRamBase), from, size_t{1} << (desc & 15));
          },
      .load_linked = [](CpuState* s, u64 va, u32 desc, u64) -> u64 {
        Machine& m = machine(s);
        if (m.slow("load_linked", va, desc)) return 0;
        u64 v = 0;
        std::memcpy(&v, &m.ram.at(va - kRamBase), size_t{1} << (desc & 15));
        m.reservation_size = 1u << (desc & 15);
        m.reservation_address = va;
        m.reservation_value[0] = v;
        return v;
      },
      .store_conditional = [](CpuState* s, u64 va, u64 value, u32 desc, u64) -> u64 {
        Machine& m = machine(s);
        if (m.slow("store_conditional", va, desc)) return 1;
        const bool holds = m.reservation_size == 1u << (desc & 15) && m.reservation_address == va &&
                           !std::memcmp(&m.ram.at(va - kRamBase), m.reservation_value, m.reservation_size);
        m.reservation_size = 0;
        if (holds) std::memcpy(&m.ram.at(va - kRamBase), &value, size_t{1} << (desc & 15));
        return !holds;
      },
      .amo = [](CpuState* s, u64 va, u64 value, u32 desc, u64, u32 op) -> u64 {
        Machine& m = machine(s);
        if (m.slow(("amo" + std::string(ir::info(ir::Op(op)).name)).c_str(), va, desc)) return 0;
        u64 old = 0;
        std::memcpy(&old, &m.ram.at(va - kRamBase), size_t{1} << (desc & 15));
        const u64 sum = old + value;  // every op adds here
        std::memcpy(&m.ram.at(va - kRamBase), &sum, size_t{1} << (desc & 15));
        return old;
      },
      .cas =
          [](CpuState* s, u64 va, u32 desc, u64) {
            Machine& m = machine(s);
            if (m.slow("cas", va, desc)) return;
            const size_t n = size_t{1} << (desc & 15);
            u64 old[2] = {};
            std::memcpy(old, &m.ram.at(va - kRamBase), n);
            if (!std::memcmp(old, m.scratch, n)) std::memcpy(&m.ram.at(va - kRamBase), &m.scratch[2], n);
            m.scratch[0] = old[0], m.scratch[1] = old[1];
          },
      .zero_block =
          [](CpuState* s, u64 va, u32 bytes, u64) {
            Machine& m = machine(s);
            if (m.slow("zero_block", va, 0)) return;
            std::memset(&m.ram.at((va & ~u64(bytes - 1)) - kRamBase), 0, bytes);
          },
      .trap =
          [](CpuState* s, u32 cause, u64 tval) {
            Machine& m = machine(s);
            m.log.push_back("trap " + std::to_string(cause) + " " + std::to_string(tval) + " pc " +
                            std::to_string(m.pc));
            m.on_slow(m);
            m.pc = kHandler;
            m.leave = u32(Leave::dispatch);
          },
  };
  runtime = &table;
  tlb = entries.data();
  tlb_mask = (entries.size() - 1) * sizeof(TlbEntry);
  jump_cache = jumps.data();
}

// Writes blocks by hand: block(pc) returns a builder for a new block.
struct Program {
  std::vector<std::unique_ptr<ir::Block>> blocks;
  ir::Block& add(GuestPc pc) {
    blocks.push_back(std::make_unique<ir::Block>());
    blocks.back()->key.pc = blocks.back()->key.physical = pc;
    return *blocks.back();
  }
  ir::Region region() const {
    ir::Region r;
    for (const auto& b : blocks) r.blocks.push_back(b.get());
    return r;
  }
};

class LlvmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    slab = *emit::CodeSlab::create(8 << 20);
    host = *emit::HostRuntime::create(*slab, toy_layout());
    Error error;
    const LlvmEngineConfig config{{toy_layout(), helpers}, slab.get(), host.get(), true};
    engine.reset(mimus_make_llvm_engine(&config, &error));
    ASSERT_TRUE(engine) << error.message;
  }
  std::unique_ptr<Code> prepare(const ir::Region& region, PrepareOptions options = {}) {
    auto code = engine->prepare(region, options);
    EXPECT_TRUE(code) << (code ? "" : code.error().message);
    return code ? std::move(*code) : nullptr;
  }

  std::span<const HelperDesc> helpers;
  std::unique_ptr<emit::CodeSlab> slab;
  std::unique_ptr<emit::HostRuntime> host;
  std::unique_ptr<Engine> engine;
  std::mutex lock_;
  std::unique_lock<std::mutex> held{lock_};
  CodeWriteToken token{held};
};

}  // namespace mimus::test
