// One compressed qcow2 cluster.
#pragma once

#include <span>
#include <vector>

#include "machines/host/block/qcow2/header.h"

namespace mimus::qcow2 {

// Fills all of `out` from `in`, which may be followed by bytes that do not belong to it. False: `in` is damaged.
bool decompress_cluster(Compression type, std::span<const u8> in, std::span<u8> out);

// Empty: the cluster does not become smaller.
std::vector<u8> compress_cluster(Compression type, std::span<const u8> in);

}  // namespace mimus::qcow2
