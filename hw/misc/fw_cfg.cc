#include "hw/misc/fw_cfg.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace mimus {
namespace {

constexpr u64 kSelector = 8, kDma = 16;
constexpr u64 kDmaSignature = 0x51454d5520434647;  // "QEMU CFG"
constexpr u32 kTraditional = 1, kDmaInterface = 2;
enum Control : u32 { kError = 1, kRead = 2, kSkip = 4, kSelect = 8, kWrite = 16 };
constexpr size_t kNameBytes = 56;

template <class T>
void append_big_endian(Bytes& out, T value) {
  for (int shift = 8 * int(sizeof value) - 8; shift >= 0; shift -= 8) out.push_back(u8(value >> shift));
}

u64 swap(u64 value, unsigned width) { return __builtin_bswap64(value) >> (64 - 8 * width); }

}  // namespace

FwCfg::FwCfg(PhysicalMemory& memory, u32 cpus) : memory_(memory) {
  const std::string_view signature = "QEMU";
  add(kSignature, Bytes(signature.begin(), signature.end()));
  add_number(kInterface, kTraditional | kDmaInterface, 4);
  add_number(kCpuCount, cpus, 2);
  add_number(kMaxCpus, cpus, 2);
  rebuild_directory();
}

void FwCfg::add_number(u16 key, u64 value, unsigned bytes) {
  Bytes contents;
  for (unsigned i = 0; i < bytes; ++i) contents.push_back(u8(value >> (8 * i)));
  add(key, std::move(contents));
}

void FwCfg::add_file(const std::string& name, Bytes contents) {
  const u16 key = u16(kFirstFile + files_.size());
  files_.push_back({name.substr(0, kNameBytes - 1), u32(contents.size()), key});
  add(key, std::move(contents));
  rebuild_directory();
}

// Count, then of each file: size, key, 2 reserved bytes, name; sorted by name.
void FwCfg::rebuild_directory() {
  std::vector<File> sorted = files_;
  std::ranges::sort(sorted, {}, &File::name);
  Bytes out;
  append_big_endian(out, u32(sorted.size()));
  for (const File& file : sorted) {
    append_big_endian(out, file.bytes);
    append_big_endian(out, file.key);
    append_big_endian(out, u16{0});
    std::array<u8, kNameBytes> name{};
    std::ranges::copy(file.name, name.begin());
    out.insert(out.end(), name.begin(), name.end());
  }
  add(kDirectory, std::move(out));
}

void FwCfg::select(u16 key) {
  selected_ = key;
  offset_ = 0;
}

// Beyond an item's end, and of an item that does not exist, there are zeroes.
u8 FwCfg::next() {
  const auto item = items_.find(selected_);
  if (item == items_.end() || offset_ >= item->second.size()) return 0;
  return item->second[offset_++];
}

u64 FwCfg::read(RegionId, u64 offset, unsigned width) {
  if (offset < kSelector) {
    u64 value = 0;
    for (unsigned i = 0; i < width; ++i) value |= u64{next()} << (8 * i);
    return value;
  }
  if (offset < kDma) return 0;
  const u64 whole = __builtin_bswap64(kDmaSignature);
  return width == 8 ? whole : (whole >> (8 * (offset - kDma))) & ((u64{1} << (8 * width)) - 1);
}

void FwCfg::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (offset == kSelector && width == 2) return select(u16(swap(value, 2)));
  if (offset == kDma && width == 8) return transfer(swap(value, 8));
  if (offset == kDma && width == 4) dma_address_ = swap(value, 4) << 32;
  if (offset == kDma + 4 && width == 4) {
    const u64 address = dma_address_ | swap(value, 4);
    dma_address_ = 0;
    transfer(address);
  }
}

bool FwCfg::copy(GuestPa to, u32 length) {
  const auto item = items_.find(selected_);
  const u64 left = item == items_.end() || offset_ >= item->second.size() ? 0 : item->second.size() - offset_;
  const u32 count = u32(std::min<u64>(left, length));
  if (count && !memory_.write(to, std::span<const u8>(item->second).subspan(offset_, count))) return false;
  offset_ += count;
  const std::array<u8, kPageSize> zeroes{};
  for (u64 done = count; done < length;) {
    const u64 part = std::min<u64>(length - done, zeroes.size());
    if (!memory_.write(to + done, std::span(zeroes).first(part))) return false;
    done += part;
  }
  return true;
}

void FwCfg::transfer(GuestPa control_block) {
  struct Block {
    u32 control, length;
    u64 address;
  } block;
  if (!memory_.read(control_block, {reinterpret_cast<u8*>(&block), sizeof block})) return;
  const u32 control = u32(swap(block.control, 4)), length = u32(swap(block.length, 4));
  if (control & kSelect) select(u16(control >> 16));
  bool good = true;
  if (control & kRead) {
    good = copy(swap(block.address, 8), length);
  } else if (control & kWrite) {
    good = false;  // no item can be written
  } else if (control & kSkip) {
    const u64 sum = u64{offset_} + length;
    offset_ = u32(std::min<u64>(sum, 0xffffffff));
  }
  const u32 result = u32(swap(good ? 0 : u32{kError}, 4));
  memory_.write(control_block, {reinterpret_cast<const u8*>(&result), sizeof result});
}

void FwCfg::reset(ResetKind) {
  select(0);
  dma_address_ = 0;
}

void FwCfg::visit_state(StateVisitor& visitor) {
  visitor.begin("fw_cfg", 1);
  visitor.field("selected", selected_);
  visitor.field("offset", offset_);
  visitor.field("dma_address", dma_address_);
  visitor.end();
}

}  // namespace mimus
