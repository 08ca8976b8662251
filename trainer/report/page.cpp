#include "report/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/progress.h"
#include "report/chart.h"
#include "report/page_sections.h"

namespace allmodes::report {
namespace {

constexpr size_t kMostPictures = 24;      // on one slider
constexpr size_t kMostEvaluations = 400;  // on the timeline

std::string header(const RunView& view) {
  const VerdictAt none;
  const VerdictAt& last = view.verdicts.empty() ? none : view.verdicts.back();
  std::string out = fmt::format("<header><h1>{}</h1>", escaped(view.name));
  if (const auto& status = view.status) {
    out += fmt::format(R"(<p class="quiet">step {} of {} · {} · {} rank{} on {}</p>)", status->step,
                       status->steps, escaped(status->stage), status->ranks,
                       status->ranks == 1 ? "" : "s",
                       escaped(fmt::format("{}", fmt::join(status->hosts, ", "))));
  }
  std::string judged;
  if (const auto first = since(view))
    judged = fmt::format("judged at step {}; {} since step {}", last.step,
                         state_in_words(last.state, ""), *first);
  out += verdict_box(last, judged, !view.findings.empty()) + findings_table(view.findings) +
         advice(verdict_words(view).help, last.kind);
  return out + "</header>\n";
}

std::string timeline(const RunView& view) {
  if (view.verdicts.empty()) return "";
  std::string out = "<section><h2>Evaluations</h2><ol class=\"time\">";
  const size_t skipped =
      view.verdicts.size() > kMostEvaluations ? view.verdicts.size() - kMostEvaluations : 0;
  if (skipped > 0) out += fmt::format("<li>{} earlier ones</li>", skipped);
  for (size_t i = skipped; i < view.verdicts.size(); ++i) {
    const auto& each = view.verdicts[i];
    if (each.after_rollback) out += "<li>↩ went back</li>";
    out += fmt::format(
        R"(<li class="{0}" title="{3}"><span class="mark" aria-hidden="true">{1}</span> {2} <span class="quiet">{4}</span></li>)",
        escaped(each.state), mark_of(each.state), each.step, escaped(each.reason),
        escaped(state_in_words(each.state, "")));
  }
  return out + "</ol></section>\n";
}

// At most `most` of them, the first and the last among them, evenly over the steps.
std::vector<Picture> chosen(std::vector<Picture> pictures, size_t most) {
  if (pictures.size() <= most) return pictures;
  std::vector<Picture> some;
  for (size_t i = 0; i < most; ++i)
    some.push_back(pictures[i * (pictures.size() - 1) / (most - 1)]);
  return some;
}

// Pictures of one name with a slider over their steps, within `room` bytes, which it uses up.
std::string picture_slider(const RunView& view, const std::string& name, const std::string& title,
                           size_t& room) {
  auto pictures = chosen(pictures_of(view, name), kMostPictures);
  std::vector<std::pair<uint64_t, std::string>> read;
  // The last one first: it has to be there.
  for (auto picture = pictures.rbegin(); picture != pictures.rend(); ++picture) {
    try {
      std::string png = read_file(picture->path, kPictureBytes);
      if (png.size() > room) break;
      room -= png.size();
      read.emplace_back(picture->step, std::move(png));
    } catch (const Error&) {
      // Removed or being written: the others are shown.
    }
  }
  if (read.empty()) return "";
  std::ranges::reverse(read);
  std::string out =
      fmt::format(R"(<figure class="chart samples"><figcaption>{}</figcaption>)", title);
  for (size_t i = 0; i < read.size(); ++i)
    out += fmt::format(
        R"(<img alt="{0} at step {1}" data-step="{1}"{2} src="data:image/png;base64,{3}">)", title,
        read[i].first, i + 1 < read.size() ? " hidden" : "", base64(read[i].second));
  if (read.size() > 1)
    out += fmt::format(
        R"(<label class="quiet">over the steps <input type="range" min="0" max="{0}" value="{0}" aria-label="step of {2}"></label><output>step {1}</output>)",
        read.size() - 1, read.back().first, title);
  else
    out += fmt::format("<p class=\"quiet\">step {}</p>", read.back().first);
  return out + "</figure>";
}

std::string samples(const RunView& view) {
  size_t room = kPictureBytes;
  std::string out = picture_slider(view, "fakes", "Samples of the same latents", room);
  out += picture_slider(view, "reconstructions", "Inputs above their reconstructions", room);
  out += picture_slider(view, "missing", kMissingTitle, room);
  out += picture_within(view.folder / "images" / "reals.png", "Real samples", room);
  if (out.empty()) return "";
  return "<section><h2>Samples</h2><div class=\"grid2\">" + out + "</div></section>\n";
}

std::string meaning_of(const records::FigureTables& figures, const char* kind,
                       const std::string& name) {
  const records::Figure* figure = records::find_figure(figures, kind, name);
  return figure == nullptr ? "" : records::meaning_of(*figure);
}

// Curves of one kind of record, with what they mean.
class Curves {
 public:
  Curves(const std::vector<records::Record>& of, const char* kind,
         const records::FigureTables& figures)
      : of_(of), kind_(kind), figures_(figures) {}

  std::vector<NamedCurve> named(const std::vector<std::string>& names) const {
    std::vector<NamedCurve> curves;
    for (const auto& name : names) {
      std::string words = name;
      std::ranges::replace(words, '_', ' ');
      curves.push_back({words, curve_of(of_, name), meaning_of(figures_, kind_, name)});
    }
    return curves;
  }

  // Every figure of the last record whose name begins so.
  std::vector<NamedCurve> beginning(const std::string& prefix) const {
    std::vector<std::string> names;
    if (!of_.empty())
      for (const auto& [name, value] : of_.back().values)
        if (name.starts_with(prefix)) names.push_back(name);
    auto curves = named(names);
    for (auto& curve : curves)
      if (curve.name.size() > prefix.size()) curve.name = curve.name.substr(prefix.size());
    return curves;
  }

  // The title of a chart of figures with one unit, which is that of the first one.
  std::string titled(const std::string& title, const std::string& name) const {
    const records::Figure* figure = records::find_figure(figures_, kind_, name);
    if (figure == nullptr || figure->unit.empty()) return title;
    return fmt::format("{}, {}", title, figure->unit);
  }

 private:
  const std::vector<records::Record>& of_;
  const char* kind_;
  const records::FigureTables& figures_;
};

std::string curves(const RunView& view, const records::FigureTables& figures) {
  const Curves train(view.train, "train", figures);
  const Curves evaluations(view.evaluations, "evaluation", figures);
  std::string out = line_chart("Losses", train.beginning("loss_"));
  out += line_chart("Discriminator's outputs", train.named({"d_real", "d_fake"}));
  auto modes = evaluations.named({"modes_covered", "modes_total"});
  modes.push_back({"modes missing", curve_of_modes_missing(view),
                   meaning_of(figures, "verdict", "modes_missing")});
  out += line_chart("Modes", std::move(modes), true);
  out += line_chart(evaluations.titled("KL between the shares of modes", "kl_reverse"),
                    evaluations.named({"kl_reverse", "kl_forward", "kl_floor"}), true);
  out += line_chart(
      "Samples beside reals",
      evaluations.named({"precision", "recall", "density", "coverage", "coverage_expected"}), true);
  out += line_chart("Diversity, 1 is that of the reals",
                    evaluations.named({"diversity", "variance_ratio", "support_ratio"}), true);
  out += line_chart("Latents", evaluations.named({"active_units", "latent_dimensions"}), true);
  out += line_chart(evaluations.titled("KL to the prior", "kl_total"),
                    evaluations.named({"kl_total", "aggregate_kl"}), true);
  out += line_chart("Gradient norms", train.beginning("gradient_norm_"));
  out += line_chart(train.titled("Time of a step", "step_ms"),
                    train.named({"step_ms", "loading_ms", "exchange_ms"}));
  out += line_chart("Samples per second", train.named({"samples_per_s"}));
  std::vector<std::pair<double, double>> places;
  for (const auto& record : view.evaluations)
    if (const auto recall = record.number("recall"), precision = record.number("precision");
        recall && precision && std::isfinite(*recall) && std::isfinite(*precision))
      places.emplace_back(*recall, *precision);
  out += square_chart("Precision over recall", "recall", "precision", places);
  if (out.empty()) return "";
  return "<section><h2>Curves</h2><div class=\"grid2\">" + out + "</div></section>\n";
}

std::string footer(const RunView& view) {
  std::string out = "<section><h2>The run</h2>";
  if (!view.train.empty())
    out +=
        fmt::format("<p>Trained for {}.</p>", records::format_duration(view.train.back().time_s));
  for (const auto& back : view.rollbacks)
    out += fmt::format("<p>Went back from step {:.0f} to step {}.</p>",
                       back.number("from_step").value_or(0), back.step);
  if (view.bad_lines > 0)
    out += fmt::format("<p>{} lines of records.jsonl are no records: allmodes verify.</p>",
                       view.bad_lines);
  out += "<p>Files:";
  for (const char* file :
       {"config.txtpb", "records.jsonl", "verdict.json", "log.txt", "images/", "checkpoints/"})
    out += fmt::format(" <a href=\"{0}\">{0}</a>", file);
  out += "</p>";
  for (const auto& [title, text] : {std::pair("Environment", &view.environment),
                                    std::pair("Configuration", &view.configuration)})
    if (!text->empty())
      out += fmt::format("<details><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>",
                         title, escaped(*text));
  return out + "</section>\n";
}

}  // namespace

std::string run_page(const RunView& view, const records::FigureTables& figures) {
  return page_head(view.name + " · allmodes") + header(view) + "<main>" + timeline(view) +
         modes_section(view.modes) + samples(view) + curves(view, figures) + footer(view) +
         "</main>" + page_end();
}

}  // namespace allmodes::report
