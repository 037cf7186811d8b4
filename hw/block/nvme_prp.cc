// Physical region pages: how a command names its data.
// Source: NVM Express Base Specification, revision 1.4c, 4.3.
#include "hw/block/nvme.h"

namespace mimus::nvme {

bool Controller::read_prp(u64 address, u64& entry) const {
  return memory_.read(address, {reinterpret_cast<u8*>(&entry), sizeof entry});
}

// The first entry may start inside a page; a second one names the second page, or, if there are more, a list of them.
// The last slot of a list page links to the next list page when entries remain.
Result Controller::map_prp(const Command& command, u64 bytes, bool writable, dma::Pieces& pieces) const {
  const u64 page = page_bytes();
  auto add = [&](u64 address, u64 count) { return dma::resolve(memory_, address, count, writable, pieces); };
  if (command.flags >> 6) return Result::invalid_field;  // scatter gather lists are not supported
  if (command.prp1 % 4) return Result::prp_offset_invalid;
  const u64 first = std::min(bytes, page - command.prp1 % page);
  if (!add(command.prp1, first)) return Result::data_transfer_error;
  bytes -= first;
  if (bytes == 0) return Result::ok;
  if (bytes <= page) {
    if (command.prp2 % page) return Result::prp_offset_invalid;
    return add(command.prp2, bytes) ? Result::ok : Result::data_transfer_error;
  }
  u64 list = command.prp2;
  if (list % 8) return Result::prp_offset_invalid;
  while (bytes != 0) {
    u64 entry;
    if (!read_prp(list, entry)) return Result::data_transfer_error;
    if (list % page == page - 8 && bytes > page) {
      if (entry % page) return Result::prp_offset_invalid;
      list = entry;
      continue;
    }
    if (entry % page) return Result::prp_offset_invalid;
    const u64 count = std::min(bytes, page);
    if (!add(entry, count)) return Result::data_transfer_error;
    bytes -= count;
    list += 8;
  }
  return Result::ok;
}

}  // namespace mimus::nvme
