// One compressed qcow2 cluster.
#pragma once

#include <span>

#include "core/base/types.h"
#include "machines/host/block/qcow2_header.h"

namespace mimus {

// Fills all of `out` from `in`, which may be followed by bytes that do not belong to it. False: `in` is damaged.
bool decompress_cluster(Qcow2Compression type, std::span<const u8> in, std::span<u8> out);

}  // namespace mimus
