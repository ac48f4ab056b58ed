"""What 'mdbridge init' writes runs as it stands, and leaves a folder of which every file is explained."""

import subprocess
import sys

import pytest

from mdbridge.campaigns import contents

SHORTER = {
    "shear": ["shear.max_strain=0.05", "shear.frames=5"],
    "fields": ["md.steps=200", "output.vtk=false", "observe.fields=['density']"],
    "calibrate": ["ego.evaluations=14"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHORTER)
def test_an_input_to_begin_with_runs(tmp_path, kind):
    def mdbridge(*words):
        command = [sys.executable, "-m", "mdbridge", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert mdbridge("init", kind).returncode == 0
    changes = [word for text in SHORTER[kind] for word in ("--set", text)]
    done = mdbridge("run", f"{kind}.toml", "--quiet", *changes)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    out = tmp_path / "out"
    names = {f"{path.name}/" if path.is_dir() else path.name for path in out.iterdir()}
    assert {"index.html", "README.txt", "mdbridge.log", "input.toml", "summary.json"} <= names
    hidden = {name for name in names if name.startswith(".")}
    unexplained = [n for n in names - hidden - {"README.txt"} if contents.meaning(kind, n) is None]
    assert unexplained == []
    again = mdbridge("run", f"{kind}.toml", *changes)
    assert again.returncode == 0, again.stderr
    assert mdbridge("report", "out").stdout.strip() == "out/index.html"
