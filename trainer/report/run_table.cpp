#include "report/run_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/text.h"
#include "checkpoints/checkpoint_folders.h"
#include "records/progress.h"
#include "records/run_folder.h"
#include "records/sparkline.h"
#include "report/chart.h"

namespace allmodes::report {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Seconds since the file was written; negative when it is not there.
double age_of(const fs::path& file) {
  std::error_code error;
  const auto written = fs::last_write_time(file, error);
  if (error) return -1;
  return std::chrono::duration<double>(fs::file_time_type::clock::now() - written).count();
}

bool is_run(const fs::path& folder) {
  std::error_code unknown;
  const records::RunFolder files{folder};
  return fs::exists(files.config(), unknown) || fs::exists(files.records(), unknown) ||
         fs::is_directory(files.checkpoints(), unknown);
}

std::string as_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += fmt::format("{:<{}}  ", row[i], i + 1 < row.size() ? widths[i] : 0);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

// "block.field" -> value of a printed configuration; repeated ones are numbered.
std::map<std::string, std::string> fields_of(const std::string& configuration) {
  std::map<std::string, std::string> fields;
  std::vector<std::string> blocks;
  size_t begin = 0;
  while (begin < configuration.size()) {
    size_t end = configuration.find('\n', begin);
    if (end == std::string::npos) end = configuration.size();
    std::string line = configuration.substr(begin, end - begin);
    begin = end + 1;
    line.erase(0, line.find_first_not_of(' '));
    if (line.empty() || line[0] == '#') continue;
    if (line == "}") {
      if (!blocks.empty()) blocks.pop_back();
    } else if (line.ends_with("{")) {
      blocks.push_back(line.substr(0, line.find_first_of(" {")));
    } else if (const size_t colon = line.find(": "); colon != std::string::npos) {
      std::string path;
      for (const auto& block : blocks) path += block + ".";
      path += line.substr(0, colon);
      const std::string plain = path;
      for (int number = 2; fields.contains(path); ++number)
        path = fmt::format("{}[{}]", plain, number);
      fields[path] = line.substr(colon + 2);
    }
  }
  return fields;
}

// What says how another figure is to be read, or how long an evaluation took: no row of its own.
bool belongs_to_another(const std::string& figure) {
  return figure.ends_with("_null_median") || figure.ends_with("_log10_p") ||
         figure.starts_with("evaluation_s");
}

// "0.471, of 0.988": the figure, beside its median over real samples where that was measured.
std::string beside_expected(const records::Record& evaluation, const std::string& figure) {
  const auto value = evaluation.number(figure);
  if (!value) return "-";
  const auto expected = evaluation.number(figure + "_null_median");
  return short_number(*value) + (expected ? ", of " + short_number(*expected) : "");
}

std::string line_of(const std::string& name, const Curve& curve, size_t columns) {
  if (curve.empty()) return "";
  const std::string head = fmt::format("  {:<22}{:>10}  ", name, short_number(curve.back().second));
  return head + sparkline(curve, columns > head.size() + 1 ? columns - head.size() - 1 : 1) + "\n";
}

}  // namespace

Glance glance_at(const fs::path& run) {
  const records::RunFolder folder{run};
  Glance glance{.name = readable_name(fs::absolute(run / "").parent_path().filename().string()),
                .age_s = age_of(folder.records())};
  try {
    const auto status = records::read_status(folder.status());
    glance.stage = status.stage;
    glance.step = status.step;
    glance.steps = status.steps;
    glance.state = status.state;
    glance.kind = status.kind;
    glance.age_s = std::max(0.0, now() - status.updated);
    const bool moves = glance.stage == "training" || glance.stage == "starting";
    if (moves && glance.age_s > 120) glance.stage = "silent";
    return glance;
  } catch (const Error&) {
    // A run of a version that wrote none, or one that has just begun.
  }
  try {
    const auto checkpoints = checkpoints::list_checkpoints(folder.checkpoints());
    if (!checkpoints.empty()) glance.step = checkpoints.back().first;
    const auto json = nlohmann::json::parse(read_file(folder.verdict()), nullptr, false);
    if (json.is_object() && json.contains("state") && json["state"].is_string())
      glance.state = json["state"].get<std::string>();
    if (json.is_object() && json.contains("kind") && json["kind"].is_string())
      glance.kind = json["kind"].get<std::string>();
  } catch (const Error&) {
  }
  return glance;
}

std::vector<fs::path> runs_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    ALLMODES_FAIL(ExitCode::kNoInput, "there is no folder '{}'", folder.string());
  if (is_run(folder)) return {folder};
  std::vector<fs::path> runs;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_run(entry->path())) runs.push_back(entry->path());
  }
  std::ranges::sort(runs, std::ranges::greater());
  return runs;
}

std::string runs_table(const std::vector<Glance>& runs) {
  std::vector<std::vector<std::string>> rows{{"run", "step", "stage", "last sign", "verdict"}};
  for (const Glance& run : runs) {
    rows.push_back(
        {run.name,
         run.steps > 0 ? fmt::format("{}/{}", run.step, run.steps) : fmt::format("{}", run.step),
         run.stage.empty() ? "?" : run.stage,
         run.age_s < 0 ? "?" : records::format_duration(run.age_s) + " ago",
         state_in_words(run.state, run.kind)});
  }
  return as_table(rows);
}

std::string sparkline(const Curve& curve, size_t width) {
  if (curve.empty() || width == 0) return "";
  const size_t columns = std::min(width, curve.size());
  const auto [least, greatest] =
      std::ranges::minmax(curve, {}, [](const auto& point) { return point.second; });
  const double range = greatest.second - least.second;
  std::vector<double> heights;
  for (size_t i = 0; i < columns; ++i) {
    const size_t first = i * curve.size() / columns, last = (i + 1) * curve.size() / columns;
    double sum = 0;
    for (size_t j = first; j < last; ++j) sum += curve[j].second;
    const double mean = sum / static_cast<double>(last - first);
    heights.push_back(range > 0 ? (mean - least.second) / range : 0.5);
  }
  return records::sparkline(heights);
}

std::string run_in_text(const RunView& view, size_t columns) {
  const Glance glance = glance_at(view.folder);
  std::string out = fmt::format("{}\n", glance.name);
  out += fmt::format("  step {}", glance.step);
  if (glance.steps > 0) out += fmt::format(" of {}", glance.steps);
  if (!glance.stage.empty()) out += ", " + glance.stage;
  if (view.status && glance.stage == "training") {
    out += fmt::format(", {:.1f} steps/s", view.status->steps_per_s);
    if (view.status->eta_s) out += ", " + records::format_duration(*view.status->eta_s) + " left";
  }
  if (glance.age_s >= 0)
    out += fmt::format(", last sign {} ago", records::format_duration(glance.age_s));
  out += "\n";
  if (view.status)
    out += fmt::format("  {} rank{} on {}, pid {}\n", view.status->ranks,
                       view.status->ranks == 1 ? "" : "s", readable_name(view.status->host),
                       view.status->pid);
  if (!view.verdicts.empty()) out += in_full(verdict_words(view), columns);
  if (!view.train.empty())
    for (const auto& [name, value] : view.train.back().values)
      if (name.starts_with("loss_") || name == "d_real" || name == "d_fake" ||
          name == "samples_per_s")
        out += line_of(name, curve_of(view.train, name), columns);
  out += line_of("modes_missing", curve_of_modes_missing(view), columns);
  for (const char* name : {"modes_covered", "kl_reverse", "precision", "recall", "coverage",
                           "active_units", "kl_total"})
    out += line_of(name, curve_of(view.evaluations, name), columns);
  return out;
}

std::vector<std::vector<std::string>> comparison_rows(const std::vector<RunView>& runs) {
  std::vector<std::vector<std::string>> rows{{""}};
  std::vector<std::map<std::string, std::string>> fields;
  std::set<std::string> names;
  for (const RunView& run : runs) {
    rows[0].push_back(readable_name(run.name));
    fields.push_back(fields_of(run.configuration));
    for (const auto& [name, value] : fields.back()) names.insert(name);
  }
  const auto add_row = [&](const std::string& name, auto value_of, bool only_differing) {
    std::vector<std::string> row{name};
    for (size_t i = 0; i < runs.size(); ++i) row.push_back(value_of(i));
    const bool differs =
        std::any_of(row.begin() + 2, row.end(), [&](const auto& value) { return value != row[1]; });
    if (differs || !only_differing) rows.push_back(std::move(row));
  };
  for (const auto& name : names)
    add_row(
        name, [&](size_t i) { return fields[i].contains(name) ? fields[i][name] : "-"; }, true);
  add_row(
      "verdict",
      [&](size_t i) {
        const auto& verdicts = runs[i].verdicts;
        return verdicts.empty() ? state_in_words("", "")
                                : state_in_words(verdicts.back().state, verdicts.back().kind);
      },
      false);
  add_row(
      "at step",
      [&](size_t i) {
        return runs[i].evaluations.empty() ? "-"
                                           : fmt::format("{}", runs[i].evaluations.back().step);
      },
      false);
  std::vector<std::string> figures;
  for (const RunView& run : runs)
    if (!run.evaluations.empty())
      for (const auto& [name, value] : run.evaluations.back().values)
        if (run.evaluations.back().number(name) && !belongs_to_another(name) &&
            std::ranges::find(figures, name) == figures.end())
          figures.push_back(name);
  for (const auto& name : figures)
    add_row(
        name,
        [&](size_t i) {
          return runs[i].evaluations.empty() ? "-"
                                             : beside_expected(runs[i].evaluations.back(), name);
        },
        false);
  return rows;
}

std::string comparison_of(const std::vector<RunView>& runs) {
  return as_table(comparison_rows(runs));
}

}  // namespace allmodes::report
