"""Opens a page in a Chromium, the machine's own or that of PyQt6-WebEngine, and asks it a question.

python tests/unit/browser.py PAGE WIDTH light|dark EXPRESSION [PICTURE] prints its value there, as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
THERE = CHROMIUM is not None or (
    find_spec("PyQt6") is not None and find_spec("PyQt6.QtWebEngineCore") is not None
)
HEIGHT = 900
SECONDS = 60


def asked(page, width, scheme, expression):
    """The value of an expression of JavaScript in a page, shown in a window of ``width`` pixels."""
    if CHROMIUM is not None:
        return _asked_of_a_program(page, width, scheme, expression)
    command = [sys.executable, __file__, str(page), str(width), scheme, expression]
    # of its own: Qt and MPI in one process would each want the signals
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def preference(scheme):
    """What Chromium is told of the person's wish: 0 is dark."""
    return f"--blink-settings=preferredColorScheme={'0' if scheme == 'dark' else '1'}"


def _asked_of_a_program(page, width, scheme, expression):
    probe = f"<script>document.title = JSON.stringify({expression});</script></body>"
    tried = page.with_name(f"tried-{width}-{scheme}.html")
    tried.write_text(page.read_text().replace("</body>", probe))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
    flags += [f"--user-data-dir={page.with_name('profile')}", f"--window-size={width},{HEIGHT}"]
    command = [CHROMIUM, *flags, preference(scheme), "--dump-dom", tried.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0].replace("&quot;", '"')
    return json.loads(title)


def main(page, width, scheme, expression, picture=None):
    """Ask Qt's Chromium, without a screen."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = (
        f"--no-sandbox --disable-gpu --hide-scrollbars {preference(scheme)}"
    )
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    application = QApplication(sys.argv[:1])
    view = QWebEngineView()
    view.resize(int(width), HEIGHT)

    def told(value):
        sys.stdout.write(f"{value}\n")
        sys.stdout.flush()
        # the first frame comes later than the page's own end
        QTimer.singleShot(1500 if picture else 0, leave)

    def leave():
        if picture:
            view.grab().save(picture)
        application.quit()

    view.loadFinished.connect(lambda _: view.page().runJavaScript(f"JSON.stringify({expression})", told))
    view.load(QUrl.fromLocalFile(str(Path(page).resolve())))
    view.show()
    QTimer.singleShot(1000 * SECONDS, lambda: application.exit(1))
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
