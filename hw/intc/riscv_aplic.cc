#include "hw/intc/riscv_aplic.h"

#include <algorithm>
#include <bit>

namespace mimus {
namespace {

constexpr unsigned kOutput[] = {11, 9};  // MEI, SEI

// 4.5: offsets of registers and arrays of registers.
constexpr u64 kDomainConfig = 0x0000, kAddresses = 0x1bc0, kSetPending = 0x1c00, kSetPendingNumber = 0x1cdc,
              kClearPending = 0x1d00, kClearPendingNumber = 0x1ddc, kSetEnabled = 0x1e00, kSetEnabledNumber = 0x1edc,
              kClearEnabled = 0x1f00, kClearEnabledNumber = 0x1fdc, kSetPendingLe = 0x2000, kSetPendingBe = 0x2004,
              kGenerate = 0x3000, kHarts = 0x4000;
constexpr u64 kBitsBytes = 0x80, kHartBytes = 0x20;

// 4.5.1 domaincfg
constexpr u32 kConfigFixed = 0x80u << 24, kEnable = 1 << 8, kMessages = 1 << 2;
// 4.5.2 sourcecfg
constexpr u32 kDelegate = 1 << 10;
enum SourceMode : u32 { kInactive = 0, kDetached = 1, kEdge1 = 4, kEdge0 = 5, kLevel1 = 6, kLevel0 = 7 };
// 4.5.16 target, 4.5.15 genmsi
constexpr u32 hart_of(u32 target) { return target >> 18; }
constexpr u32 kHartField = ~u32{0} << 18, kIdentityField = 0x7ff, kPriorityField = 0xff;
// 4.5.3 mmsiaddrcfgh
constexpr u32 kLock = u32{1} << 31;
constexpr u32 kAddressFields[] = {~u32{0}, 0x9f77ffff, ~u32{0}, 0x00700fff};

bool level_sensitive(u32 mode) { return mode == kLevel1 || mode == kLevel0; }

}  // namespace

RiscvAplic::RiscvAplic(std::span<IrqSink* const> harts, Send send) : send_(std::move(send)) {
  for (unsigned level = 0; level < kLevels; ++level)
    for (IrqSink* sink : harts) domains_[level].harts.push_back({.output = {sink, kOutput[level]}});
}

void RiscvAplic::assign(Bits& set, unsigned source, bool value) {
  const u32 mask = u32{1} << (source % 32);
  set[source / 32] = value ? set[source / 32] | mask : set[source / 32] & ~mask;
}

bool RiscvAplic::active(Level level, unsigned source) const {
  const u32 config = domains_[level].source[source];
  return config != kInactive && !(config & kDelegate);
}

bool RiscvAplic::rectified(Level level, unsigned source) const {
  const u32 mode = active(level, source) ? domains_[level].source[source] : kInactive;
  if (mode < kEdge1) return false;
  return test(level_, source) != (mode == kEdge0 || mode == kLevel0);
}

// 4.7: what a change of the input means to the pending bit.
void RiscvAplic::input_changed(Level level, unsigned source, bool before) {
  Domain& domain = domains_[level];
  const bool now = rectified(level, source);
  if (active(level, source) && level_sensitive(domain.source[source])) {
    if (!messages() || now != before) assign(domain.pending, source, now);
  } else if (now && !before) {
    assign(domain.pending, source, true);
  }
  deliver(level, source);
}

// 4.7: software's writes to the pending bit.
void RiscvAplic::request(Level level, unsigned source, bool on) {
  if (source == 0 || source >= kSources || !active(level, source)) return;
  Domain& domain = domains_[level];
  if (level_sensitive(domain.source[source])) {
    if (!messages()) return;
    on = on && rectified(level, source);
  }
  assign(domain.pending, source, on);
  deliver(level, source);
}

void RiscvAplic::set_enabled(Level level, unsigned source, bool on) {
  if (source == 0 || source >= kSources || !active(level, source)) return;
  assign(domains_[level].enabled, source, on);
  deliver(level, source);
}

// Sends the message that is due, or has the harts look.
void RiscvAplic::deliver(Level level, unsigned source) {
  Domain& domain = domains_[level];
  if (!messages()) return update(domain);
  if (!domain.on || !test(domain.pending, source) || !test(domain.enabled, source)) return;
  assign(domain.pending, source, false);
  const u32 target = domain.target[source];
  send(level, hart_of(target), 0, target & kIdentityField);
}

void RiscvAplic::deliver_all(Level level) {
  for (unsigned source = 1; source < kSources; ++source) deliver(level, source);
}

// 4.9.1: where the message to a hart's interrupt file goes.
void RiscvAplic::send(Level level, u32 hart, u32 guest, u32 identity) {
  if (hart >= domains_[level].harts.size()) return;
  const u32 high = address_[1];
  const unsigned low_width = bits(high, 12, 4), high_width = bits(high, 16, 3), high_shift = bits(high, 24, 5);
  const unsigned low_shift = bits(address_[level == kMachineLevel ? 1 : 3], 20, 3);
  const unsigned pair = level == kMachineLevel ? 0 : 2;
  const u64 base = u64{address_[pair + 1] & 0xfff} << 32 | address_[pair];
  const u64 group = u64{hart} >> low_width & ((u64{1} << high_width) - 1), member = hart & ((u64{1} << low_width) - 1);
  send_((base | group << (high_shift + 12) | member << low_shift | guest) << 12, identity);
}

// 4.8.1.4 topi: number and priority of the most urgent source for a hart; 0 if there is none.
u32 RiscvAplic::best(const Domain& domain, unsigned hart) const {
  u32 found = 0, priority = domain.harts[hart].threshold ? domain.harts[hart].threshold : kPriorityField + 1;
  for (unsigned source = 1; source < kSources; ++source) {
    if (!test(domain.pending, source) || !test(domain.enabled, source)) continue;
    const u32 target = domain.target[source];
    const u32 own = std::max<u32>(target & kPriorityField, 1);
    if (hart_of(target) != hart || own >= priority) continue;
    priority = own;
    found = source << 16 | own;
  }
  return found;
}

void RiscvAplic::update(Domain& domain) {
  for (unsigned hart = 0; hart < domain.harts.size(); ++hart) {
    HartView& view = domain.harts[hart];
    const bool on = !messages() && domain.on && view.delivery;
    const bool raise = on && (view.force || best(domain, hart) != 0);
    if (raise == view.raised) continue;
    view.raised = raise;
    view.output.set(raise);
  }
}

// 4.8.1.5 claimi
u32 RiscvAplic::claim(Level level, unsigned hart) {
  Domain& domain = domains_[level];
  const u32 top = best(domain, hart);
  if (top == 0)
    domain.harts[hart].force = false;
  else if (!level_sensitive(domain.source[top >> 16]))
    assign(domain.pending, top >> 16, false);
  update(domain);
  return top;
}

void RiscvAplic::set_irq(unsigned source, bool level) {
  if (source == 0 || source >= kSources) return;
  std::scoped_lock guard(lock_);
  const bool before[] = {rectified(kMachineLevel, source), rectified(kSupervisorLevel, source)};
  assign(level_, source, level);
  for (Level domain : {kMachineLevel, kSupervisorLevel}) input_changed(domain, source, before[domain]);
}

// ---- registers ----

u32 RiscvAplic::read_bits(Level level, u64 offset) const {
  const Domain& domain = domains_[level];
  const u64 word = offset % 0x100 / 4;
  if (offset % 0x100 >= kBitsBytes || word >= kWords) return 0;
  switch (offset & ~u64{0xff}) {
    case kSetPending: return domain.pending[word];
    case kSetEnabled: return domain.enabled[word];
    case kClearPending: {  // in_clrip: the rectified inputs
      u32 inputs = 0;
      for (unsigned i = 0; i < 32; ++i) inputs |= u32(rectified(level, unsigned(32 * word) + i)) << i;
      return inputs;
    }
    default: return 0;  // clrie
  }
}

void RiscvAplic::write_bits(Level level, u64 offset, u32 value) {
  const u64 array = offset & ~u64{0xff}, word = offset % 0x100 / 4;
  if (offset % 0x100 >= kBitsBytes) return write_number(level, offset, value);
  if (word >= kWords) return;
  const bool on = array == kSetPending || array == kSetEnabled;
  for (; value; value &= value - 1) {
    const unsigned source = unsigned(32 * word) + unsigned(std::countr_zero(value));
    array <= kClearPending ? request(level, source, on) : set_enabled(level, source, on);
  }
}

void RiscvAplic::write_number(Level level, u64 offset, u32 value) {
  switch (offset) {
    case kSetPendingNumber:
    case kSetPendingLe: return request(level, value, true);
    case kSetPendingBe: return request(level, std::byteswap(value), true);
    case kClearPendingNumber: return request(level, value, false);
    case kSetEnabledNumber: return set_enabled(level, value, true);
    case kClearEnabledNumber: return set_enabled(level, value, false);
    default: return;
  }
}

void RiscvAplic::write_config(Level level, u32 value) {
  domains_[level].on = value & kEnable;
  deliver_all(level);
}

// 4.5.2: only the root can delegate; a source that another domain has, or that is inactive, has no state here.
void RiscvAplic::write_source(Level level, unsigned source, u32 value) {
  Domain& domain = domains_[level];
  const bool before = rectified(level, source);
  if (value & kDelegate) {
    value = level == kMachineLevel ? kDelegate : kInactive;  // there is one child, number 0
  } else {
    value &= 7;
    if (value == 2 || value == 3) value = kInactive;  // reserved
  }
  if (level == kSupervisorLevel && !(domains_[kMachineLevel].source[source] & kDelegate)) value = kInactive;
  domain.source[source] = value;
  if (!active(level, source)) {
    assign(domain.pending, source, false);
    assign(domain.enabled, source, false);
    domain.target[source] = 0;
  }
  input_changed(level, source, before);
  update(domain);
  if (level == kMachineLevel && !(value & kDelegate)) write_source(kSupervisorLevel, source, kInactive);
}

void RiscvAplic::write_target(Level level, unsigned source, u32 value) {
  if (!active(level, source)) return;
  Domain& domain = domains_[level];
  domain.target[source] = value & (kHartField | (messages() ? kIdentityField : kPriorityField));
  deliver(level, source);
}

void RiscvAplic::write_address(Level level, unsigned word, u32 value) {
  if (level == kMachineLevel && send_ && !(address_[1] & kLock)) address_[word] = value & kAddressFields[word];
}

void RiscvAplic::generate(Level level, u32 value) {
  Domain& domain = domains_[level];
  if (!messages()) return;
  domain.generate = value & (kHartField | kIdentityField);
  send(level, hart_of(value), 0, value & kIdentityField);
}

u32 RiscvAplic::read_hart(Level level, u64 offset) {
  Domain& domain = domains_[level];
  const u64 hart = offset / kHartBytes;
  if (hart >= domain.harts.size() || messages()) return 0;
  const HartView& view = domain.harts[hart];
  switch (offset % kHartBytes) {
    case 0x00: return view.delivery;
    case 0x04: return view.force;
    case 0x08: return view.threshold;
    case 0x18: return best(domain, unsigned(hart));
    case 0x1c: return claim(level, unsigned(hart));
    default: return 0;
  }
}

void RiscvAplic::write_hart(Level level, u64 offset, u32 value) {
  Domain& domain = domains_[level];
  const u64 hart = offset / kHartBytes;
  if (hart >= domain.harts.size() || messages()) return;
  HartView& view = domain.harts[hart];
  switch (offset % kHartBytes) {
    case 0x00: view.delivery = value & 1; break;
    case 0x04: view.force = value & 1; break;
    case 0x08: view.threshold = value & kPriorityField; break;
    default: return;
  }
  update(domain);
}

u32 RiscvAplic::read_domain(Level level, u64 offset) {
  const Domain& domain = domains_[level];
  if (offset == kDomainConfig) return kConfigFixed | (domain.on ? kEnable : 0) | (messages() ? kMessages : 0);
  if (offset < 4 * kSources) return domain.source[offset / 4];
  if (offset >= kAddresses && offset < kAddresses + 16)
    return level == kMachineLevel ? address_[(offset - kAddresses) / 4] : 0;
  if (offset >= kSetPending && offset < kSetPendingLe) return read_bits(level, offset);
  if (offset == kGenerate) return domain.generate;
  if (offset > kGenerate && offset < kGenerate + 4 * kSources) return domain.target[(offset - kGenerate) / 4];
  return offset >= kHarts ? read_hart(level, offset - kHarts) : 0;
}

void RiscvAplic::write_domain(Level level, u64 offset, u32 value) {
  if (offset == kDomainConfig) return write_config(level, value);
  if (offset < 4 * kSources) return write_source(level, unsigned(offset / 4), value);
  if (offset >= kAddresses && offset < kAddresses + 16)
    return write_address(level, unsigned(offset - kAddresses) / 4, value);
  if (offset >= kSetPending && offset < kSetPendingLe) return write_bits(level, offset, value);
  if (offset == kSetPendingLe || offset == kSetPendingBe) return write_number(level, offset, value);
  if (offset == kGenerate) return generate(level, value);
  if (offset > kGenerate && offset < kGenerate + 4 * kSources)
    return write_target(level, unsigned(offset - kGenerate) / 4, value);
  if (offset >= kHarts) write_hart(level, offset - kHarts, value);
}

u64 RiscvAplic::read(RegionId region, u64 offset, unsigned width) {
  if (width != 4 || offset % 4) return 0;
  std::scoped_lock guard(lock_);
  return read_domain(Level(region & 1), offset);
}

void RiscvAplic::write(RegionId region, u64 offset, unsigned width, u64 value) {
  if (width != 4 || offset % 4) return;
  std::scoped_lock guard(lock_);
  write_domain(Level(region & 1), offset, u32(value));
}

// Input lines keep their levels: what drives them is reset on its own.
void RiscvAplic::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  address_ = {};
  for (Domain& domain : domains_) {
    Domain fresh;
    for (const HartView& view : domain.harts) fresh.harts.push_back({.output = view.output, .raised = view.raised});
    domain = std::move(fresh);
    update(domain);
  }
}

// Left out: HartView::raised, which follows from the rest.
void RiscvAplic::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("aplic", 1);
  visitor.field("level", level_);
  visitor.field("address", address_);
  for (Domain& domain : domains_) {
    visitor.begin("domain", 1);
    visitor.field("on", domain.on);
    visitor.field("source", domain.source);
    visitor.field("target", domain.target);
    visitor.field("pending", domain.pending);
    visitor.field("enabled", domain.enabled);
    visitor.field("generate", domain.generate);
    for (HartView& view : domain.harts) {
      visitor.field("delivery", view.delivery);
      visitor.field("force", view.force);
      visitor.index("threshold", view.threshold, kPriorityField + 1);
    }
    if (visitor.loading() && ((domain.pending[0] | domain.enabled[0] | level_[0]) & 1))
      visitor.reject("pending", "source 0 does not exist");
    visitor.end();
  }
  visitor.end();
}

void RiscvAplic::after_load() {
  std::scoped_lock guard(lock_);
  if (messages()) return;  // the harts' inputs are their IMSICs'
  for (Domain& domain : domains_) {
    for (unsigned hart = 0; hart < domain.harts.size(); ++hart) {
      HartView& view = domain.harts[hart];
      view.raised = domain.on && view.delivery && (view.force || best(domain, hart) != 0);
      view.output.set(view.raised);
    }
  }
}

}  // namespace mimus
