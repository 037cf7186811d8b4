#include "tests/isa/rig.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/ir/text.h"
#include "core/passes/pass.h"
#include "frontends/riscv/csr.h"
#include "frontends/riscv/table.h"

namespace mimus::test {

namespace {

constexpr unsigned kTlbEntries = 16;
constexpr size_t kRegionBlocks = 32;

u32 csr_number(std::string_view name) {
  for (u32 n = 0; n < 4096; ++n) {
    if (const riscv::CsrDesc* row = riscv::find_csr(n); row && row->name == name) return n;
  }
  ADD_FAILURE() << "no CSR named " << name;
  return 0;
}

}  // namespace

// The slow paths.
struct RigRuntime {
  static Rig& rig(CpuState* state) { return *static_cast<Rig*>(state->port); }

  // Host address of an access that lies within one page, or null after a fault.
  static u8* place(CpuState* s, u64 va, unsigned bytes, Access access, u64 site) {
    Rig& r = rig(s);
    auto deliver = [&](const Fault& fault) -> u8* {
      r.leave_at(s, site);
      r.frontend_->raise(*s, fault);
      s->leave = u32(Leave::dispatch);
      return nullptr;
    };
    WalkResult result = r.frontend_->walk(*s, r.memory_, va, access, s->regime);
    if (const Fault* fault = std::get_if<Fault>(&result)) return deliver(*fault);
    const Translation& mapping = std::get<Translation>(result);
    u8* host = r.memory_.host(mapping.page + (va & kPageMask), bytes);
    if (!host) return deliver(r.frontend_->bus_fault(va, access));
    if (mapping.cacheable && r.use_tlb) r.install(va, mapping, access);
    return host;
  }

  static u8* place_aligned(CpuState* s, u64 va, unsigned bytes, Access access, u64 site) {
    if ((va & (bytes - 1)) == 0) return place(s, va, bytes, access, site);
    rig(s).leave_at(s, site);
    rig(s).frontend_->raise(*s, rig(s).frontend_->misaligned_fault(va, access));
    s->leave = u32(Leave::dispatch);
    return nullptr;
  }

  // Both pages of a crossing access are checked before any byte moves.
  static bool pieces(CpuState* s, u64 va, unsigned bytes, Access access, u64 site, u8* (&host)[2], unsigned& first) {
    first = std::min<unsigned>(bytes, unsigned(kPageSize - (va & kPageMask)));
    host[0] = place(s, va, first, access, site);
    if (!host[0]) return false;
    if (first == bytes) return true;
    host[1] = place(s, va + first, bytes - first, access, site);
    return host[1] != nullptr;
  }

  static unsigned size(u32 desc) { return 1u << (desc & 15); }

  static u64 load(CpuState* s, u64 va, u32 desc, u64 site) {
    u8* host[2] = {};
    unsigned first;
    if (!pieces(s, va, size(desc), Access::read, site, host, first)) return 0;
    u8 bytes[16] = {};
    std::memcpy(bytes, host[0], first);
    if (host[1]) std::memcpy(bytes + first, host[1], size(desc) - first);
    u64 value;
    std::memcpy(&value, bytes, 8);
    return value;
  }
  static void store(CpuState* s, u64 va, u64 value, u32 desc, u64 site) {
    u8* host[2] = {};
    unsigned first;
    if (!pieces(s, va, size(desc), Access::write, site, host, first)) return;
    std::memcpy(host[0], &value, first);
    if (host[1]) std::memcpy(host[1], reinterpret_cast<u8*>(&value) + first, size(desc) - first);
  }
  static u64 load_linked(CpuState* s, u64 va, u32 desc, u64 site) {
    u8* host = place_aligned(s, va, size(desc), Access::read, site);
    if (!host) return 0;
    u64 value = 0;
    std::memcpy(&value, host, size(desc));
    s->reservation_size = size(desc);
    s->reservation_address = rig(s).physical_of(host);
    s->reservation_value[0] = value;
    return value;
  }
  static u64 store_conditional(CpuState* s, u64 va, u64 value, u32 desc, u64 site) {
    u32 reserved = std::exchange(s->reservation_size, 0);
    u8* host = place_aligned(s, va, size(desc), Access::write, site);
    if (!host || reserved != size(desc) || s->reservation_address != rig(s).physical_of(host)) return 1;
    if (std::memcmp(host, s->reservation_value, reserved) != 0) return 1;
    std::memcpy(host, &value, reserved);
    return 0;
  }
  static u64 amo(CpuState* s, u64 va, u64 value, u32 desc, u64 site, u32 op) {
    u8* host = place_aligned(s, va, size(desc), Access::write, site);
    if (!host) return 0;
    u64 old = 0;
    std::memcpy(&old, host, size(desc));
    u64 result = combine(ir::Op(op), old, value, size(desc) * 8);
    std::memcpy(host, &result, size(desc));
    return old;
  }
  static u64 combine(ir::Op op, u64 old, u64 value, unsigned width) {
    u64 a = bits(old, 0, width), b = bits(value, 0, width);
    s64 sa = sign_extend(old, width), sb = sign_extend(value, width);
    switch (op) {
      case ir::Op::amo_add: return a + b;
      case ir::Op::amo_and: return a & b;
      case ir::Op::amo_or: return a | b;
      case ir::Op::amo_xor: return a ^ b;
      case ir::Op::amo_smin: return sa < sb ? a : b;
      case ir::Op::amo_smax: return sa > sb ? a : b;
      case ir::Op::amo_umin: return std::min(a, b);
      case ir::Op::amo_umax: return std::max(a, b);
      default: return b;
    }
  }
  static void cas(CpuState* s, u64 va, u32 desc, u64 site) {
    u8* host = place_aligned(s, va, size(desc), Access::write, site);
    if (!host) return;
    u64 old[2] = {};
    std::memcpy(old, host, size(desc));
    if (std::memcmp(old, s->scratch, size(desc)) == 0) std::memcpy(host, s->scratch + 2, size(desc));
    std::memcpy(s->scratch, old, sizeof old);
  }
  static void zero_block(CpuState* s, u64 va, u32 bytes, u64 site) {
    if (u8* host = place(s, align_down(va, bytes), bytes, Access::write, site)) std::memset(host, 0, bytes);
  }
  static void trap(CpuState* s, u32 cause, u64 tval) {
    rig(s).frontend_->raise(*s, {cause, tval});
    s->leave = u32(Leave::dispatch);
  }
};

static constexpr Runtime kRuntime{
    RigRuntime::load, RigRuntime::store, RigRuntime::load_linked, RigRuntime::store_conditional,
    RigRuntime::amo,  RigRuntime::cas,   RigRuntime::zero_block,  RigRuntime::trap};

Rig::Rig(const EngineRow& engine, const riscv::CpuModel& model, GuestPa ram, u64 ram_size)
    : frontend_(make_riscv_frontend(model)),
      layout_{frontend_->layout(), frontend_->helpers()},
      engine_(engine.make(layout_)),
      fallback_(engines()[0].make(layout_)),
      passes_(engine.passes),
      regions_(engine.regions),
      owner_(frontend_->make_state(0)),
      state_(static_cast<riscv::RiscvState*>(owner_.get())),
      tlb_(kTlbEntries),
      jumps_(kJumpCacheEntries) {
  EXPECT_TRUE(memory_.add_ram("ram", ram, ram_size).has_value());
  state_->port = this;
  state_->runtime = &kRuntime;
  state_->tlb = tlb_.data();
  state_->tlb_mask = (kTlbEntries - 1) * sizeof(TlbEntry);
  state_->jump_cache = jumps_.data();
}

Rig::~Rig() = default;

void Rig::load_bytes(std::span<const u8> bytes, GuestPa base) {
  ASSERT_TRUE(memory_.write(base, bytes));
  drop_code();
}

Program Rig::load(std::string_view source, GuestPa base) {
  auto program = assemble(source, base);
  if (!program) {
    ADD_FAILURE() << program.error().message;
    return {};
  }
  load_bytes(program->bytes, base);
  state_->pc = base;
  auto end = program->labels.find("end");
  stop = end != program->labels.end() ? end->second : base + program->bytes.size();
  return *program;
}

bool Rig::run(std::string_view source) {
  frontend_->reset(*state_);
  drop_tlb();
  load(source);
  return run_to(stop);
}

bool Rig::run_to(GuestPc pc, unsigned max_blocks) {
  if (stop != pc) drop_code();
  stop = pc;
  for (unsigned i = 0; i < max_blocks && state_->pc != pc; ++i) step();
  return state_->pc == pc;
}

void Rig::step() {
  if (drop_code_later_) drop_code();
  drop_code_later_ = false;
  if (frontend_->take_interrupt(*state_)) return;
  state_->mode_key = frontend_->mode_key(*state_);
  Translated* found = find_code();
  if (!found) return;
  running_ = found->code.get();
  state_->leave = u32(Leave::none);
  state_->exit_request = 0;
  found->code->run(*state_);
}

// The code at `pc` through the page tables; false after a fetch fault has been delivered.
bool Rig::fetch(GuestPc pc, CodeBytes& code, std::vector<u8>& bytes, GuestPa& physical) {
  unsigned regime = frontend_->fetch_regime(*state_);
  auto page_of = [&](GuestPc va) { return frontend_->walk(*state_, memory_, va, Access::execute, regime); };
  WalkResult first = page_of(pc);
  if (Fault* fault = std::get_if<Fault>(&first)) {
    frontend_->raise(*state_, *fault);
    return false;
  }
  u64 length = kPageSize - (pc & kPageMask);
  physical = std::get<Translation>(first).page + (pc & kPageMask);
  const u8* host = memory_.host(physical, length);
  if (!host) {
    frontend_->raise(*state_, frontend_->bus_fault(pc, Access::execute));
    return false;
  }
  bytes.assign(host, host + length);
  code = {pc, {}, u32(length), {}};
  WalkResult second = page_of(pc + length);
  if (Fault* fault = std::get_if<Fault>(&second)) {
    code.next_fault = *fault;
  } else if (const u8* more = memory_.host(std::get<Translation>(second).page, kPageSize)) {
    bytes.insert(bytes.end(), more, more + kPageSize);
  } else {
    code.next_fault = frontend_->bus_fault(pc + length, Access::execute);
  }
  if (stop > pc && stop - pc < length) {
    bytes.resize(stop - pc);
    code.first_page_bytes = u32(stop - pc);
  }
  code.bytes = bytes;
  return true;
}

ir::Block Rig::translate(GuestPc pc, unsigned max_insns) {
  CodeBytes code;
  std::vector<u8> bytes;
  ir::Block block;
  block.key.pc = pc;
  block.key.mode = frontend_->mode_key(*state_);
  if (!fetch(pc, code, bytes, block.key.physical)) return block;
  frontend_->translate(code, {max_insns}, block);
  auto verified = ir::verify(block, {frontend_->layout(), frontend_->helpers()});
  EXPECT_TRUE(verified.has_value()) << verified.error().message;
  return block;
}

ir::Block Rig::translate_block(const ir::BlockKey& key, const CodeBytes& code) {
  ir::Block block;
  block.key = key;
  frontend_->translate(code, {}, block);
  const ir::TextContext context{frontend_->layout(), frontend_->helpers()};
  auto verified = ir::verify(block, context);
  EXPECT_TRUE(verified.has_value()) << verified.error().message;
  if (passes_) {
    passes::silence_compares(block);
    passes::convert_hammocks(block, context);
    passes::run_passes(block, context);
  }
  return block;
}

// The block at `entry` and what it leads to directly within `code`.
std::vector<ir::Block> Rig::form_region(const ir::BlockKey& entry, const CodeBytes& code) {
  std::vector<ir::Block> blocks{translate_block(entry, code)};
  for (size_t next = 0; regions_ && next < blocks.size(); ++next) {
    for (const ir::Exit& exit : std::vector(blocks[next].exits)) {
      const u64 offset = exit.target - entry.pc;
      const bool direct = exit.kind == ir::Exit::Kind::jump || exit.kind == ir::Exit::Kind::call;
      const bool known = std::ranges::any_of(blocks, [&](const ir::Block& b) { return b.key.pc == exit.target; });
      if (!direct || known || offset >= code.first_page_bytes || blocks.size() == kRegionBlocks) continue;
      const CodeBytes rest{exit.target, code.bytes.subspan(offset), u32(code.first_page_bytes - offset),
                           code.next_fault};
      blocks.push_back(translate_block({entry.physical + offset, exit.target, entry.mode}, rest));
    }
  }
  return blocks;
}

Rig::Translated* Rig::find_code() {
  CodeBytes code;
  std::vector<u8> bytes;
  ir::BlockKey key{0, state_->pc, state_->mode_key};
  if (!fetch(state_->pc, code, bytes, key.physical)) return nullptr;
  auto [it, added] = cache_.try_emplace(key);
  if (!added) return &it->second;
  it->second.blocks = form_region(key, code);
  ir::Region region;
  for (const ir::Block& block : it->second.blocks) region.blocks.push_back(&block);
  auto prepared = engine_->prepare(region, {});
  if (!prepared) {
    const ir::TextContext context{frontend_->layout(), frontend_->helpers()};
    if (!declined++) first_decline = prepared.error().message + "\n" + ir::print(*region.blocks[0], context);
    prepared = fallback_->prepare({{region.blocks[0]}}, {});
  }
  it->second.code = std::move(*prepared);
  return &it->second;
}

void Rig::leave_at(CpuState* state, u64 site) {
  if (!site) return;
  u64 offset = site - 1 - u64(running_->host_bytes().data());  // the call that `site` follows
  GuestPc pc = state->pc;
  for (const PcMapEntry& entry : running_->pc_map()) {
    if (entry.host_offset <= offset) pc = entry.guest_pc;
  }
  state->pc = pc;
}

GuestPa Rig::physical_of(const u8* host) const {
  const MemoryRange& ram = *memory_.ranges()[0];
  return ram.base + GuestPa(host - ram.host);
}

void Rig::install(GuestVa va, const Translation& mapping, Access access) {
  TlbEntry& entry = tlb_[(va >> kPageBits) & (kTlbEntries - 1)];
  GuestVa page = align_down(va, kPageSize);
  entry.read_tag = mapping.readable ? page : TlbEntry::kInvalid;
  entry.write_tag = mapping.writable && access == Access::write ? page : TlbEntry::kInvalid;
  entry.addend = u64(memory_.host(mapping.page, kPageSize)) - page;
  entry.page = mapping.page;
}

void Rig::drop_tlb() {
  for (TlbEntry& entry : tlb_) entry.read_tag = entry.write_tag = TlbEntry::kInvalid;
}

void Rig::flush_tlb(const TlbFlush& flush) {
  ++flushes;
  last_flush = flush;
  drop_tlb();
}

void Rig::fence_code() {
  ++code_fences;
  drop_code_later_ = true;
  state_->leave = u32(Leave::dispatch);
}

u64 Rig::x(std::string_view name) const {
  for (unsigned n = 0; n < 32; ++n) {
    if (riscv::register_name(n) == name) return state_->x[n];
  }
  ADD_FAILURE() << "no register named " << name;
  return 0;
}

u64 Rig::csr(std::string_view name) const { return riscv::peek_csr(*state_, csr_number(name)); }

u64 Rig::load64(GuestPa pa) const {
  u64 value = 0;
  u8 bytes[8];
  EXPECT_TRUE(memory_.read(pa, bytes));
  std::memcpy(&value, bytes, 8);
  return value;
}

void Rig::store64(GuestPa pa, u64 value) {
  u8 bytes[8];
  std::memcpy(bytes, &value, 8);
  EXPECT_TRUE(memory_.write(pa, bytes));
}

}  // namespace mimus::test
