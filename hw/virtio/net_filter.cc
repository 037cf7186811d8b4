#include "hw/virtio/net_filter.h"

#include <algorithm>

namespace mimus::virtio {

bool NetFilter::accepts(std::span<const u8> frame, const MacAddress& own) const {
  if (frame.size() < 6 || modes_[promiscuous]) return true;
  const auto target = frame.first<6>();
  if (std::ranges::equal(target, own)) return true;
  if (std::ranges::all_of(target, [](u8 byte) { return byte == 0xff; })) return true;
  if ((target[0] & 1) && modes_[all_multicast]) return true;
  for (size_t at = 0; at + 6 <= table_.size(); at += 6)
    if (std::ranges::equal(target, std::span(table_).subspan(at, 6))) return true;
  return false;
}

bool NetFilter::set_mode(u8 command, bool on) {
  if (command >= kModes) return false;
  modes_[command] = on;
  return true;
}

bool NetFilter::set_table(std::span<const u8> data) {
  std::vector<u8> table;
  for (int list = 0; list < 2; ++list) {
    u32 count;
    if (data.size() < sizeof count) return false;
    std::memcpy(&count, data.data(), sizeof count);
    data = data.subspan(sizeof count);
    if (count > kMaxEntries || count * size_t{6} > data.size()) return false;
    table.insert(table.end(), data.begin(), data.begin() + count * 6);
    data = data.subspan(count * size_t{6});
  }
  table_ = std::move(table);
  return true;
}

void NetFilter::visit_state(StateVisitor& visitor) {
  visitor.field("rx_modes", modes_);
  visitor.blob("mac_table", table_, 2 * kMaxEntries * 6);
}

}  // namespace mimus::virtio
