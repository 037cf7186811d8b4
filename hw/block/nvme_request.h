// An I/O command on its way through the disk. It outlives its controller's interest in it: `owner` is null then.
#pragma once

#include <vector>

#include "hw/block/nvme.h"

namespace mimus::nvme {

// 6.7.1 Dataset management range definition.
struct Range {
  u32 attributes;
  u32 blocks;
  u64 start;
};
static_assert(sizeof(Range) == 16);

struct Controller::Request {
  Controller* owner = nullptr;
  u16 sq = 0;
  Command command{};
  u64 offset = 0, bytes = 0;  // on the disk
  dma::Pieces data;
  std::vector<Range> ranges;
  size_t next_range = 0;
};

}  // namespace mimus::nvme
