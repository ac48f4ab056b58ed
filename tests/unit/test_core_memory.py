"""Memory to spare."""

from mdbridge.core import memory


def test_the_smaller_of_what_the_machine_and_a_container_allow(tmp_path, monkeypatch):
    info, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_INFO", info)
    monkeypatch.setattr(memory, "_LIMIT", limit)
    info.write_text("MemTotal:       32000000 kB\nMemAvailable:    8000000 kB\n")
    assert memory.available() == 8000000 * 1024
    limit.write_text("max\n")
    assert memory.available() == 8000000 * 1024
    limit.write_text("1000000000\n")
    assert memory.available() == 1e9


def test_a_system_that_does_not_say_has_what_its_pages_hold(tmp_path, monkeypatch):
    for name in ("_INFO", "_LIMIT"):
        monkeypatch.setattr(memory, name, tmp_path / "nothing")
    assert memory.available() > 1e8
