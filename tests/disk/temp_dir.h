// A folder that lives as long as the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace mimus {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mimus-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::vector<u8>& bytes) const {
    std::ofstream(file(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    return file(name);
  }
  std::vector<u8> read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Runs a shell command inside the folder; true on success.
  bool run(const std::string& command) const {
    return std::system(("cd '" + path_ + "' && (" + command + ") >log 2>&1").c_str()) == 0;
  }

 private:
  std::string path_;
};

// Bytes that compress well in places, are zero in places and noise elsewhere.
inline std::vector<u8> pattern_disk(size_t bytes, u32 seed = 1) {
  std::vector<u8> data(bytes);
  u32 state = seed * 2654435761u + 1;
  for (size_t i = 0; i < bytes; ++i) {
    const size_t kind = (i >> 15) % 4;
    state = state * 1664525 + 1013904223;
    data[i] = kind == 0 ? 0 : kind == 1 ? u8(state >> 24) : u8((i >> 6) + seed);
  }
  return data;
}

}  // namespace mimus
