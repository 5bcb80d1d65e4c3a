"""The locks are held against OSV records, from a file — OSV schema."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

from scripts.release.stop import Stop
from scripts.release.vulnerabilities import accepted, affects, findings, main, records

DIGEST = "0" * 64


def record(name: str, *events: dict[str, str], **more: object) -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}
    return {
        "id": "PYSEC-1",
        "aliases": ["CVE-1"],
        "summary": "Bad.",
        "affected": [affected],
        **more,
    }


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "runtime.txt"
    file.write_text(f"py-jwt[crypto]==2.4.0 \\\n    --hash=sha256:{DIGEST}\nother==1.0\n")
    return file


@pytest.mark.parametrize(
    ("events", "version", "hit"),
    [
        ([{"introduced": "0"}], "2.4.0", True),
        ([{"introduced": "0"}, {"fixed": "2.4.0"}], "2.4.0", False),
        ([{"introduced": "0"}, {"fixed": "2.4.0"}], "2.4.0rc1", True),
        ([{"introduced": "0"}, {"last_affected": "2.4.0"}], "2.4", True),
        ([{"introduced": "0"}, {"last_affected": "2.3.9"}], "2.4.0", False),
        ([{"introduced": "2.5"}], "2.4.0", False),
        (
            [{"fixed": "1.5"}, {"introduced": "1"}, {"introduced": "2"}, {"fixed": "3"}],
            "1.7",
            False,
        ),
        (
            [{"fixed": "1.5"}, {"introduced": "1"}, {"introduced": "2"}, {"fixed": "3"}],
            "2.10",
            True,
        ),
        ([{"introduced": "not a version"}], "2.4.0", False),
    ],
)
def test_a_version_is_inside_or_outside_of_the_ranges(events, version, hit):
    affected = {"ranges": [{"type": "ECOSYSTEM", "events": events}]}
    assert affects(affected, version) is hit


def test_a_listed_version_is_found_however_it_is_written():
    assert affects({"versions": ["2.4"]}, "2.4.0")
    assert not affects({"versions": ["2.40"]}, "2.4.0")


@pytest.mark.parametrize("shape", ["zip", "folder", "file", "yaml"])
def test_records_are_read_as_they_are_published(tmp_path, lock, shape):
    known = record("Py_JWT", {"introduced": "0"}, {"fixed": "2.4.1"})
    source = tmp_path / "osv"
    if shape == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("PYSEC-1.json", json.dumps(known))
    elif shape == "file":
        source.write_text(json.dumps(known))
    else:
        (source / "pyjwt").mkdir(parents=True)
        name = "PYSEC-1.yaml" if shape == "yaml" else "PYSEC-1.json"
        (source / "pyjwt" / name).write_text(json.dumps(known))
        (source / "config.json").write_text("{}")
    (found,) = findings(source, [lock])
    assert str(found) == "runtime.txt: py-jwt 2.4.0: PYSEC-1, CVE-1: Bad. (mended in 2.4.1)"


def test_what_was_withdrawn_or_is_about_another_ecosystem_is_not_found(tmp_path, lock):
    withdrawn = record("py-jwt", {"introduced": "0"}, withdrawn="2026-01-01T00:00:00Z")
    elsewhere = record("py-jwt", {"introduced": "0"})
    elsewhere["affected"][0]["package"]["ecosystem"] = "npm"
    for number, known in enumerate((withdrawn, elsewhere)):
        (tmp_path / f"{number}.json").write_text(json.dumps(known))
    assert findings(tmp_path, [lock]) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"id": '])
def test_a_file_that_holds_no_record_is_no_clean_answer(tmp_path, content):
    source = tmp_path / "osv.json"
    source.write_text(content)
    with pytest.raises(Stop):
        list(records(source))
    assert main([str(source)]) == 2
    assert main([str(tmp_path / "absent.zip")]) == 2


def test_a_vulnerability_is_accepted_with_a_reason_until_a_day(tmp_path):
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nid = "PYSEC-1"\nreason = "never called"\nuntil = 2026-12-31\n')
    assert accepted(date(2026, 12, 31), file) == {"PYSEC-1"}
    assert accepted(date(2027, 1, 1), file) == set()
    file.write_text('[[accepted]]\nid = "PYSEC-1"\nuntil = 2026-12-31\n')
    with pytest.raises(Stop, match="reason"):
        accepted(date(2026, 12, 31), file)


def test_a_known_vulnerability_of_a_locked_package_fails(tmp_path, capsys):
    source = tmp_path / "osv.json"
    source.write_text(json.dumps(record("cryptography", {"introduced": "0"})))
    assert main([str(source)]) == 1
    assert "runtime.txt: cryptography" in capsys.readouterr().out
