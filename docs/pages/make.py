#!/usr/bin/env python3
"""Makes the pictures of this folder anew: what a person sees of a run.

    python3 docs/pages/make.py [--out FOLDER] [--run RUN] [NAME ...]

Names: terminal (80x24 and 120x40, through launch/run.sh on two ranks), report (light, dark, 360 pixels
wide, print), tensorboard. Needs Chromium, tmux and pdftoppm; for tensorboard the package of that name,
beside the Python that runs this. ALLMODES_BINARY or build/allmodes or build-gpu/allmodes. --run shows a run
that is there instead of training configs/ring_gan.txtpb (which takes a minute) for the report's pictures.
"""

import argparse
import html
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The terminal's colours that the program uses, on a light ground, each with enough contrast.
COLOURS = {30: "#24292f", 31: "#cf222e", 32: "#116329", 33: "#7d4e00", 34: "#0550ae", 35: "#8250df", 36: "#1b7c83",
           37: "#6e7781", 90: "#57606a"}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


def program():
    named = os.environ.get("ALLMODES_BINARY")
    found = [named] if named else [ROOT / "build/allmodes", ROOT / "build-gpu/allmodes"]
    for path in found:
        if os.access(path, os.X_OK):
            return str(path)
    sys.exit("make.py: nothing is built; ALLMODES_BINARY names the program")


def shot(page, picture, width, height, dark=False):
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                        f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                        f"--window-size={width},{height}", "--virtual-time-budget=20000",
                        f"--screenshot={picture}", page],
                       check=True, capture_output=True, timeout=300)
    print(picture)


def as_html(screen):
    """A screen with its escape sequences as a page."""
    out, style = [], ""
    for number, piece in enumerate(ESCAPE.split(screen)):
        if number % 2 == 0:
            text = html.escape(piece)
            out.append(f'<span style="{style}">{text}</span>' if style and text else text)
            continue
        for code in map(int, (piece or "0").split(";")):
            if code == 0:
                style = ""
            elif code == 1:
                style += "font-weight:bold;"
            elif code == 2:
                style += "opacity:.45;"
            elif code in COLOURS:
                style += f"color:{COLOURS[code]};"
            elif code == 39:
                style = re.sub("color:[^;]*;", "", style)
    return ('<!doctype html><meta charset="utf-8"><body style="margin:0;background:#fff;color:#24292f">'
            '<pre style="margin:12px;font:15px/19px \'DejaVu Sans Mono\',monospace">' + "".join(out) + "</pre>")


def terminals(out, folder):
    """The last screen while a run trains, and the one that it leaves."""
    for columns, lines in ((80, 24), (120, 40)):
        name, session = f"terminal-{columns}x{lines}", f"allmodes-{os.getpid()}"
        tmux = ["tmux", "-L", session]
        work = folder / name
        work.mkdir()
        command = (f"ALLMODES_BINARY={program()} {ROOT}/launch/run.sh -n 2 -- train ring_gan "
                   "--set diagnostics.evaluate_every=500; echo $? >ended")
        environment = os.environ | {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
        subprocess.run([*tmux, "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", work,
                        "env PS1='$ ' bash --norc"], check=True, env=environment)
        try:
            subprocess.run([*tmux, "send-keys", "clear; " + command, "Enter"], check=True)
            screen, training = "", ""
            deadline = time.monotonic() + 1800
            while not (work / "ended").exists() and time.monotonic() < deadline:
                screen = capture(tmux)
                # The last one with the bar and several evaluations behind it.
                if re.search(r"modes \d+/8 \S{4,}", ESCAPE.sub("", screen)):
                    training = screen
                time.sleep(0.3)
            time.sleep(1)
            for kind, text in (("training", training), ("end", capture(tmux))):
                page = folder / f"{name}-{kind}.html"
                page.write_text(as_html(text.rstrip("\n")))
                shot(page.as_uri(), out / f"{name}-{kind}.png", 9 * columns + 40, 19 * lines + 24)
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)


def capture(tmux):
    return subprocess.run([*tmux, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True).stdout


def trained(folder):
    subprocess.run([program(), "train", "ring_gan", "--quiet", "--out", folder / "runs"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / "runs/00000-ring_gan"


def report(out, run, folder):
    page = (run / "report.html").resolve().as_uri()
    shot(page, out / "run.png", 1100, 2250)
    shot(page, out / "run-dark.png", 1100, 2250, dark=True)
    # A window of Chromium's is at least 500 pixels wide: the page lies in a frame of the width.
    frame = folder / "frame.html"
    frame.write_text(f'<!doctype html><body style="margin:0"><iframe title="page" src="{page}" '
                     'style="border:0;width:360px;height:2400px"></iframe>')
    shot(frame.as_uri(), folder / "narrow.png", 500, 2400)
    from PIL import Image
    Image.open(folder / "narrow.png").crop((0, 0, 360, 2400)).save(out / "run-360.png")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                        "--no-pdf-header-footer", f"--print-to-pdf={folder / 'print.pdf'}", page],
                       check=True, capture_output=True, timeout=300)
    subprocess.run(["pdftoppm", "-png", "-r", "70", "-f", "1", "-l", "1", "-singlefile", folder / "print.pdf",
                    out / "run-print"], check=True)


def tensorboard(out, run):
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", run, "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/"
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=2).read()
                break
            except OSError:
                time.sleep(0.5)
        time.sleep(5)  # until it has read the files
        shot(address + "?darkMode=false#scalars&tagFilter=loss%7Cmodes_covered%7Ckl_reverse", out / "tensorboard.png", 1400, 900)
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("--run", type=pathlib.Path)
    arguments = parser.parse_args()
    names = arguments.names or ["terminal", "report", "tensorboard"]
    for tool in ("chromium", "tmux", "pdftoppm"):
        if shutil.which(tool) is None:
            sys.exit(f"make.py: {tool} is not installed")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        run = arguments.run
        if run is None and {"report", "tensorboard"} & set(names):
            run = trained(folder)
        if "terminal" in names:
            terminals(arguments.out, folder)
        if "report" in names:
            report(arguments.out, run, folder)
        if "tensorboard" in names:
            tensorboard(arguments.out, run)


if __name__ == "__main__":
    main()
