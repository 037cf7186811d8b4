// The slow paths behind generated code's fast paths: TLB misses, devices, code pages, page crossings, faults.
#include "core/engine/runtime.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "accel/dbt/access.h"
#include "accel/dbt/vcpu.h"
#include "core/device/device.h"

namespace mimus::dbt {
namespace {

Vcpu& vcpu(CpuState* state) { return *static_cast<Vcpu*>(state->port); }
unsigned desc_bytes(u32 desc) { return 1u << (desc & 15); }
u16 desc_attr(u32 desc) { return u16(desc >> 8); }

// Devices may use host floating point (and the host's containers do): they never see the guest's MXCSR.
class HostFpScope {
 public:
  HostFpScope() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~HostFpScope() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
};

template <class T>
T atomic_read(const u8* at) {
  T value;
  __atomic_load(reinterpret_cast<const T*>(at), &value, __ATOMIC_RELAXED);
  return value;
}

// A single-copy-atomic read when aligned, bytes otherwise.
u64 read_host(const u8* at, unsigned bytes) {
  u64 value = 0;
  if (u64(at) & (bytes - 1)) {
    std::memcpy(&value, at, bytes);
    return value;
  }
  switch (bytes) {
    case 1: return atomic_read<u8>(at);
    case 2: return atomic_read<u16>(at);
    case 4: return atomic_read<u32>(at);
    default: return atomic_read<u64>(at);
  }
}

template <class T>
void atomic_write(u8* at, u64 value) {
  __atomic_store_n(reinterpret_cast<T*>(at), T(value), __ATOMIC_RELAXED);
}

void write_host(u8* at, unsigned bytes, u64 value) {
  if (u64(at) & (bytes - 1)) {
    std::memcpy(at, &value, bytes);
    return;
  }
  switch (bytes) {
    case 1: return atomic_write<u8>(at, value);
    case 2: return atomic_write<u16>(at, value);
    case 4: return atomic_write<u32>(at, value);
    default: return atomic_write<u64>(at, value);
  }
}

bool read_bytes(Vcpu& cpu, GuestVa va, unsigned bytes, u16 attr, u64 site, u8* out) {
  while (bytes) {
    const unsigned part = std::min<unsigned>(bytes, unsigned(kPageSize - (va & kPageMask)));
    Resolved at;
    if (!cpu.resolve(va, part, Access::read, attr, site, at)) return false;
    if (at.host) {
      std::memcpy(out, at.host, part);
    } else {
      for (unsigned i = 0; i < part; ++i) {
        out[i] = u8(cpu.device_read(at, 1));
        ++at.physical;
      }
    }
    va += part, out += part, bytes -= part;
  }
  return true;
}

// All pages are checked before the first byte is written, so that a fault leaves memory untouched.
bool write_bytes(Vcpu& cpu, GuestVa va, unsigned bytes, u16 attr, u64 site, const u8* data) {
  const unsigned first = std::min<unsigned>(bytes, unsigned(kPageSize - (va & kPageMask)));
  Resolved at[2];
  const unsigned parts[2] = {first, bytes - first};
  for (unsigned i = 0; i < 2; ++i) {
    if (parts[i] && !cpu.resolve(va + (i ? first : 0), parts[i], Access::write, attr, site, at[i])) return false;
  }
  for (unsigned i = 0; i < 2; ++i) {
    for (unsigned k = 0; !at[i].host && k < parts[i]; ++k) {
      Resolved byte = at[i];
      byte.physical += k;
      cpu.device_write(byte, 1, *data++);
    }
    if (!at[i].host || !parts[i]) continue;
    std::memcpy(at[i].host, data, parts[i]);
    cpu.memory().note_written(*at[i].range, at[i].physical, parts[i]);
    data += parts[i];
  }
  return true;
}

bool crosses_page(GuestVa va, unsigned bytes) { return (va & kPageMask) + bytes > kPageSize; }

bool refuse_misaligned(Vcpu& cpu, GuestVa va, u32 desc, Access access, u64 site) {
  const bool bad = AccessShape(desc).misaligned(va);
  if (bad) cpu.raise(cpu.config().frontend.misaligned_fault(va, access), site);
  return bad;
}

u64 slow_load(CpuState* state, u64 va, u32 desc, u64 site) {
  Vcpu& cpu = vcpu(state);
  const unsigned bytes = desc_bytes(desc);
  const u16 attr = desc_attr(desc);
  ++cpu.counters.slow_accesses;
  if (refuse_misaligned(cpu, va, desc, Access::read, site)) return 0;
  if (bytes > 8 || crosses_page(va, bytes)) {
    u64 value[2] = {};
    if (!read_bytes(cpu, va, bytes, attr, site, reinterpret_cast<u8*>(value))) return 0;
    if (ir::MemAttr::unpack(attr).big_endian) swap_wide(value, bytes);
    if (bytes > 8) std::memcpy(state->scratch, value, 16);
    return value[0];
  }
  Resolved at;
  if (!cpu.resolve(va, bytes, Access::read, attr, site, at)) return 0;
  const u64 value = at.host ? read_host(at.host, bytes) : cpu.device_read(at, bytes);
  return ir::MemAttr::unpack(attr).big_endian ? swap_bytes(value, bytes) : value;
}

void slow_store(CpuState* state, u64 va, u64 value, u32 desc, u64 site) {
  Vcpu& cpu = vcpu(state);
  const unsigned bytes = desc_bytes(desc);
  const u16 attr = desc_attr(desc);
  ++cpu.counters.slow_accesses;
  if (refuse_misaligned(cpu, va, desc, Access::write, site)) return;
  u64 wide[2] = {value, 0};
  if (bytes > 8) std::memcpy(wide, state->scratch, 16);
  if (ir::MemAttr::unpack(attr).big_endian) swap_wide(wide, bytes);
  if (bytes > 8 || crosses_page(va, bytes)) {
    write_bytes(cpu, va, bytes, attr, site, reinterpret_cast<const u8*>(wide));
    return;
  }
  Resolved at;
  if (!cpu.resolve(va, bytes, Access::write, attr, site, at)) return;
  if (!at.host) return cpu.device_write(at, bytes, wide[0]);
  write_host(at.host, bytes, wide[0]);
  cpu.memory().note_written(*at.range, at.physical, bytes);
}

// Atomics work on RAM alone; a device or ROM answers with an access fault (RISC-V PMA: no AMO support).
u8* resolve_atomic(Vcpu& cpu, u64 va, u32 desc, u64 site, Access access, Resolved& at) {
  const unsigned bytes = desc_bytes(desc);
  if (refuse_misaligned(cpu, va, desc, access, site)) return nullptr;
  if (crosses_page(va, bytes)) {
    cpu.raise(cpu.config().frontend.misaligned_fault(va, access), site);
    return nullptr;
  }
  if (!cpu.resolve(va, bytes, access, desc_attr(desc), site, at)) return nullptr;
  if (!at.host || (access == Access::write && !at.range->writable)) {
    cpu.raise(cpu.config().frontend.bus_fault(va, access), site);
    return nullptr;
  }
  return at.host;
}

u64 slow_load_linked(CpuState* state, u64 va, u32 desc, u64 site) {
  Vcpu& cpu = vcpu(state);
  Resolved at;
  state->reservation_size = 0;
  const u8* host = resolve_atomic(cpu, va, desc, site, Access::read, at);
  if (!host) return 0;
  const unsigned bytes = desc_bytes(desc);
  u64 value = 0;
  if (bytes > 8) {  // the host reads aligned pairs at once where it has AVX
    std::memcpy(state->reservation_value, host, 16);
    std::memcpy(state->scratch, state->reservation_value, 16);
    value = state->scratch[0];
  } else if (bytes == 4) {
    value = __atomic_load_n(reinterpret_cast<const u32*>(host), __ATOMIC_SEQ_CST);
  } else {
    value = bytes == 8 ? __atomic_load_n(reinterpret_cast<const u64*>(host), __ATOMIC_SEQ_CST) : read_host(host, bytes);
  }
  state->reservation_address = at.physical;
  state->reservation_size = bytes;
  state->reservation_value[0] = value;
  return value;
}

// cmpxchg16b, without depending on libatomic. The old value.
u128 exchange16(u8* host, u128 expected, u128 desired) {
  u64 low = u64(expected), high = u64(expected >> 64);
  __asm__ volatile("lock cmpxchg16b %0"
                   : "+m"(*reinterpret_cast<u128*>(host)), "+a"(low), "+d"(high)
                   : "b"(u64(desired)), "c"(u64(desired >> 64))
                   : "cc", "memory");
  return u128(high) << 64 | low;
}
u128 wide_value(const u64* words) { return u128(words[1]) << 64 | words[0]; }

template <class T>
bool swap_if(u8* host, u64 expected, u64 desired) {
  T want = T(expected);
  return __atomic_compare_exchange_n(reinterpret_cast<T*>(host), &want, T(desired), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}

// The reservation is address + size + value: an ABA change between the pair goes unseen (documented in docs/).
u64 slow_store_conditional(CpuState* state, u64 va, u64 value, u32 desc, u64 site) {
  Vcpu& cpu = vcpu(state);
  Resolved at;
  const u32 reserved = state->reservation_size;
  state->reservation_size = 0;
  u8* host = resolve_atomic(cpu, va, desc, site, Access::write, at);
  if (!host) return 1;
  const unsigned bytes = desc_bytes(desc);
  if (reserved != bytes || state->reservation_address != at.physical) return 1;
  const u64 expected = state->reservation_value[0];
  const u128 wide = wide_value(state->reservation_value);
  const bool stored = bytes > 8    ? exchange16(host, wide, wide_value(state->scratch)) == wide
                      : bytes == 1 ? swap_if<u8>(host, expected, value)
                      : bytes == 2 ? swap_if<u16>(host, expected, value)
                      : bytes == 4 ? swap_if<u32>(host, expected, value)
                                   : swap_if<u64>(host, expected, value);
  if (stored) cpu.memory().note_written(*at.range, at.physical, bytes);
  return stored ? 0 : 1;
}

template <class T>
u64 amo_loop(u8* host, u64 operand, ir::Op op) {
  T old = atomic_read<T>(host);
  T next = combine<T>(op, old, T(operand));
  while (
      !__atomic_compare_exchange_n(reinterpret_cast<T*>(host), &old, next, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    next = combine<T>(op, old, T(operand));
  }
  return old;
}

u64 slow_amo(CpuState* state, u64 va, u64 value, u32 desc, u64 site, u32 op) {
  Vcpu& cpu = vcpu(state);
  Resolved at;
  u8* host = resolve_atomic(cpu, va, desc, site, Access::write, at);
  if (!host) return 0;
  const ir::Op kind = ir::Op(op);
  const unsigned bytes = desc_bytes(desc);
  const u64 old = bytes == 1   ? amo_loop<u8>(host, value, kind)
                  : bytes == 2 ? amo_loop<u16>(host, value, kind)
                  : bytes == 4 ? amo_loop<u32>(host, value, kind)
                               : amo_loop<u64>(host, value, kind);
  cpu.memory().note_written(*at.range, at.physical, bytes);
  return old;
}

void slow_cas(CpuState* state, u64 va, u32 desc, u64 site) {
  Vcpu& cpu = vcpu(state);
  Resolved at;
  u8* host = resolve_atomic(cpu, va, desc, site, Access::write, at);
  if (!host) return;
  const unsigned bytes = desc_bytes(desc);
  u128 old, desired;
  std::memcpy(&old, state->scratch, 16);
  std::memcpy(&desired, state->scratch + 2, 16);
  auto narrow = [&]<class T>(T want) {
    __atomic_compare_exchange_n(reinterpret_cast<T*>(host), &want, T(desired), false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    old = want;
  };
  switch (bytes) {
    case 1: narrow(u8(old)); break;
    case 2: narrow(u16(old)); break;
    case 4: narrow(u32(old)); break;
    case 8: narrow(u64(old)); break;
    default: old = exchange16(host, old, desired);
  }
  cpu.memory().note_written(*at.range, at.physical, bytes);
  std::memcpy(state->scratch, &old, 16);
}

void slow_zero_block(CpuState* state, u64 va, u32 bytes, u64 site) {
  Vcpu& cpu = vcpu(state);
  Resolved at;
  va = align_down(va, bytes);
  if (!cpu.resolve(va, bytes, Access::write, 0, site, at)) return;
  if (!at.host) return cpu.raise(cpu.config().frontend.bus_fault(va, Access::write), site);
  for (u32 i = 0; i < bytes; i += 8) write_host(at.host + i, 8, 0);  // as stores: other CPUs may be reading
  cpu.memory().note_written(*at.range, at.physical, bytes);
}

void slow_trap(CpuState* state, u32 cause, u64 tval) { vcpu(state).raise({cause, tval}, 0); }

}  // namespace

const Runtime kRuntime = {
    .load = slow_load,
    .store = slow_store,
    .load_linked = slow_load_linked,
    .store_conditional = slow_store_conditional,
    .amo = slow_amo,
    .cas = slow_cas,
    .zero_block = slow_zero_block,
    .trap = slow_trap,
};

// ---- the part of Vcpu that belongs to slow paths ----

void Vcpu::raise(const Fault& fault, u64 site) {
  if (site) state_->pc = cache_.guest_pc(site);
  ++counters.exceptions;
  config_.frontend.raise(*state_, fault);
  state_->leave = u32(Leave::dispatch);
  mode_dirty_ = true;
}

// What the TLB knows needs no walk: atomics and page crossings come here although their page is mapped.
bool Vcpu::probe(GuestVa va, Access access, unsigned regime, Resolved& out) {
  const TlbEntry& e = tlbs_.data_tlb(regime).entry(va);
  const auto& tag = access == Access::write ? e.write_tag : e.read_tag;
  if (tag.load(std::memory_order_relaxed) != align_down(va, kPageSize)) return false;
  out.physical = e.page + (va & kPageMask);
  out.range = config_.memory.find(out.physical);
  out.host = reinterpret_cast<u8*>(va + e.addend);
  return true;
}

bool Vcpu::resolve(GuestVa va, unsigned bytes, Access access, u16 mem_attr, u64 site, Resolved& out) {
  const u8 privilege = ir::MemAttr::unpack(mem_attr).privilege;
  const unsigned regime = privilege ? privilege - 1u : state_->regime;
  if (probe(va, access, regime, out)) return true;
  const WalkResult walked = config_.frontend.walk(*state_, config_.memory, va, access, regime);
  if (const Fault* fault = std::get_if<Fault>(&walked)) {
    raise(*fault, site);
    return false;
  }
  const Translation& mapping = std::get<Translation>(walked);
  out.physical = mapping.page + (va & kPageMask);
  out.range = config_.memory.find(out.physical);
  const bool same_rule = mapping.cacheable || out.physical + (bytes - 1) <= mapping.rule_last;
  if (!out.range || !out.range->contains(out.physical, bytes) || !same_rule) {
    raise(config_.frontend.bus_fault(va, access), site);
    return false;
  }
  if (!out.range->host) return true;
  out.host = out.range->host + (out.physical - out.range->base);
  if (mapping.cacheable) install(va, regime, mapping, *out.range, access);
  if (access == Access::write && !out.range->writable) out.host = rom_sink_;
  return true;
}

void Vcpu::install(GuestVa va, unsigned regime, const Translation& mapping, const MemoryRange& range, Access access) {
  ++tlbs_.counters.fills;
  if (mapping.global) tlbs_.current().note_global(va, mapping.mapping_size);
  DataTlb& tlb = tlbs_.data_tlb(regime);
  bool grown;
  {
    std::unique_lock lock(tlbs_.shape_lock(), std::defer_lock);
    if (tlb.about_to_grow()) lock.lock();
    grown = tlb.note_fill(va, mapping.mapping_size);
  }
  if (grown && regime == state_->regime) regime_changed();

  const GuestVa page_va = align_down(va, kPageSize);
  TlbEntry& e = tlb.entry(va);
  auto& marks = range.marks[(mapping.page - range.base) >> kPageBits];
  e.write_tag.store(TlbEntry::kInvalid, std::memory_order_relaxed);
  e.read_tag.store(TlbEntry::kInvalid, std::memory_order_relaxed);
  __atomic_store_n(&e.page, mapping.page, __ATOMIC_RELAXED);
  e.addend = u64(range.host + (mapping.page - range.base)) - page_va;
  if (mapping.readable) e.read_tag.store(page_va, std::memory_order_relaxed);
  if (!mapping.writable || !range.writable || access != Access::write) return;
  // The order that CodeCache::mark_page() relies on: announce, store the path, look once more.
  if (marks.load(std::memory_order_relaxed) & kPageHasCode) return;
  marks.fetch_or(kPageWriteFast | kPageDirty);
  e.write_tag.store(page_va, std::memory_order_seq_cst);
  if (marks.load(std::memory_order_seq_cst) & kPageHasCode) e.write_tag.store(TlbEntry::kInvalid);
}

u64 Vcpu::device_read(const Resolved& at, unsigned bytes) {
  HostFpScope fp;
  ++counters.device_accesses;
  Device& device = *at.range->device;
  std::unique_lock lock(config_.memory.machine_lock(), std::defer_lock);
  if (device.needs_machine_lock()) lock.lock();
  return device.cpu_read(state_->cpu_index, at.range->region, at.physical - at.range->base, bytes);
}

void Vcpu::device_write(const Resolved& at, unsigned bytes, u64 value) {
  HostFpScope fp;
  ++counters.device_accesses;
  Device& device = *at.range->device;
  std::unique_lock lock(config_.memory.machine_lock(), std::defer_lock);
  if (device.needs_machine_lock()) lock.lock();
  device.cpu_write(state_->cpu_index, at.range->region, at.physical - at.range->base, bytes, value);
}

}  // namespace mimus::dbt
