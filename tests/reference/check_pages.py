"""The pages of a run, a diagnosis, a comparison and a study, looked at by axe-core in Chromium: none of
its rules is broken, in light and in dark, and nothing is wider than a screen of 360 pixels. 77 where
Chromium or the package axe-playwright-python, which brings axe-core, is not installed;
ALLMODES_REFERENCE_PYTHON names the interpreter that has it.

    python3 check_pages.py [PAGE.html ...]

Without pages it makes them itself with $ALLMODES_BINARY.
"""

import html
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
name: "ring"
batch: 64
steps: 60
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 4000 }
gan { latent { dimension: 16 } generator { width: 32 depth: 2 } discriminator { width: 32 depth: 2 } }
diagnostics { log_every: 10 evaluate_every: 20 samples: 200 }
images { every: 20 count: 16 }
"""
STUDY = """
title = "A <small> study"
config = "CONFIG"
[budget.short]
steps = 60
seeds = 2
[[column]]
name = "modes"
title = "modes of 8"
field = "modes_covered"
format = ".1f"
better = "higher"
[[row]]
name = "gan"
title = "GAN"
[[row]]
name = "other"
title = "another"
set = ["gan.loss=hinge"]
[[claim]]
law = "gan.modes >= -20"
says = "a claim"
"""
# Contents of <details> are looked at too.
RUNNER = """
document.querySelectorAll('details').forEach(function (each) { each.open = true; });
axe.run(document, {resultTypes: ['violations']}).then(function (found) {
  var say = document.createElement('pre');
  say.id = 'axe-says';
  say.textContent = JSON.stringify({version: axe.version, dark: matchMedia('(prefers-color-scheme:dark)').matches,
    width: document.documentElement.clientWidth, needs: document.documentElement.scrollWidth,
    passes: found.passes.length, violations: found.violations.map(function (rule) {
      return rule.id + ' (' + rule.impact + '): ' + rule.help + '; '
        + rule.nodes.slice(0, 3).map(function (node) { return node.html + ' ' + node.failureSummary; }).join(' | ');
    })});
  document.body.appendChild(say);
});
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def looked_at(chromium, axe, page, width, dark, folder):
    """What axe-core says of the page on a screen so wide."""
    copy = pathlib.Path(folder, "looked-at.html")
    text = page.read_text()
    assert text.count("</body>") == 1, page
    copy.write_text(text.replace("</body>", f"<script>{axe}</script><script>{RUNNER}</script></body>"))
    # A window of Chromium's is at least 500 pixels wide: the page lies in a frame of the width.
    frame = pathlib.Path(folder, "frame.html")
    frame.write_text(f'<!doctype html><body style="margin:0"><iframe id="page" title="page" '
                     f'style="border:0;width:{width}px;height:3000px" src="looked-at.html"></iframe><script>'
                     'setInterval(function () { var said = document.getElementById("page").contentDocument'
                     '.getElementById("axe-says"); if (said) document.title = said.textContent; }, 50);</script>')
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1300,3100",
               "--allow-file-access-from-files", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
               "--virtual-time-budget=30000", "--dump-dom", f"--user-data-dir={folder}/profile", frame.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    said = re.search(r"<title>(\{.*?\})</title>", dom, re.S)
    assert said, f"axe-core did not come to an end on {page}\n{dom[-2000:]}"
    return json.loads(html.unescape(said.group(1)))


def make_pages(folder):
    """Runs the program; returns its pages."""
    program = os.environ["ALLMODES_BINARY"]
    config = folder / "ring.txtpb"
    config.write_text(CONFIG)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for words in ([], ["--set", "gan.loss=hinge"]):
        subprocess.run([program, "train", config, "--out", folder / "runs", "--quiet", *words],
                       check=True, **quiet)
    runs = [folder / "runs/00000-ring", folder / "runs/00001-ring"]
    subprocess.run([program, "compare", *runs, "--out", folder / "comparison.html"], check=True, **quiet)
    for run, name in zip(runs, ("a", "b")):
        subprocess.run([program, "sample", run, "--count", "300", "--out", folder / f"{name}.npy"], check=True, **quiet)
    code = subprocess.run([program, "diagnose", "--real", folder / "a.npy", "--fake", folder / "b.npy", "--out",
                           folder / "diagnosis"], check=False, **quiet).returncode
    assert code in (0, 2, 3), code
    (folder / "study.toml").write_text(STUDY.replace("CONFIG", str(config)))
    subprocess.run([ROOT / "launch/study.sh", folder / "study.toml", "--short", "--out", folder / "study"],
                   check=True, **quiet)
    return [runs[0] / "report.html", folder / "comparison.html", folder / "diagnosis/report.html",
            folder / "study/report.html"]


def main():
    other = os.environ.pop("ALLMODES_REFERENCE_PYTHON", None)
    if other:
        os.execv(other, [other, *sys.argv])
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    package = importlib.util.find_spec("axe_playwright_python")
    if chromium is None:
        skip("there is no chromium")
    if package is None:
        skip("the package axe-playwright-python is not installed")
    axe = pathlib.Path(package.origin).with_name("axe.min.js").read_text()
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pages = [pathlib.Path(page).resolve() for page in sys.argv[1:]] or make_pages(folder)
        for page in pages:
            for width, dark in ((360, False), (1200, True)):
                said = looked_at(chromium, axe, page, width, dark, folder)
                assert said["dark"] == dark and said["width"] == width, said
                faults = said["violations"]
                if said["needs"] > said["width"]:
                    faults.append(f"{said['needs']} pixels wide")
                for fault in faults:
                    print(f"{page}, {width} pixels, {'dark' if dark else 'light'}: {fault}")
                broken += len(faults)
        print(f"axe-core {said['version']}: {len(pages)} pages, {broken} faults")
    sys.exit(1 if broken else 0)


main()
