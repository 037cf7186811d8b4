// Test cases kept as text files beside the tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace mimus::test {

inline std::vector<std::filesystem::path> case_files(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path root = std::string(MIMUS_SOURCE_DIR) + "/tests/ir/cases/" + folder;
  for (const auto& entry : std::filesystem::directory_iterator(root)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

inline std::string read_text(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// The pieces of a file between lines that begin with "----".
inline std::vector<std::string> sections(const std::string& text) {
  std::vector<std::string> parts(1);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("----"))
      parts.emplace_back();
    else
      parts.back() += line + "\n";
  }
  return parts;
}

}  // namespace mimus::test
